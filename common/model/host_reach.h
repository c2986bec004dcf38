#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "muster/v1/pod.pb.h"

namespace muster::model {

// What of its host a pod asks for, and whether a list of what is allowed has it. Pure. Used by the
// coordinator for its own rules and by the agent for those of its host's owner.

// One place of a pod and what stands there.
struct PodUse {
  std::string path;   // Of the field below the PodSpec: "volumes[0].hostPath.path".
  std::string what;   // Who uses it, for people: volume "logs", container "main".
  std::string value;  // "/var/log", "nginx:1.25"
};

std::vector<PodUse> HostPathsOf(const v1::PodSpec& spec);
// Of all kinds of containers.
std::vector<PodUse> ImagesOf(const v1::PodSpec& spec);

// Is `path` one of `prefixes`, or below it? By whole components and without what "//" and "/./"
// add: /var/log has /var/log/pods and not /var/logs. A path with a ".." is below nothing. Links are
// not looked at: a prefix is worth what those are worth who may write below it.
bool IsBelow(std::string_view path, const std::vector<std::string>& prefixes);

// Is the image from one of `sources`, each a registry ("registry.example.com:5000") or a path of
// one ("docker.io/library")? By whole components; an image without a registry is on docker.io. An
// image that cannot be read is from nowhere.
bool IsFrom(std::string_view image, const std::vector<std::string>& sources);

// Why such an entry of a list can never match anything; empty when it can.
std::string BadHostPathPrefix(std::string_view prefix);
std::string BadImageSource(std::string_view source);

}  // namespace muster::model
