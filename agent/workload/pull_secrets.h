#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/runtime/runtime.h"
#include "muster/v1/config.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// The credentials that the pod's imagePullSecrets have for an image, in the order in which they are
// to be tried; empty: pull without any. Kubernetes: an entry counts when its host matches part by
// part ("*" within a part), its port is the same, and its path begins the image's; longer entries
// come first. Secrets that are missing, of another type or not readable only lend nothing. Pure.
std::vector<RegistryAuth> CredentialsFor(
    const v1::Pod& pod, const std::string& image,
    const std::function<const v1::Secret*(const std::string& name)>& find_secret);

}  // namespace muster::agent
