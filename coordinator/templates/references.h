#pragma once

#include <string>
#include <vector>

#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// How a session names an object: "pods/NS/NAME", "configmaps/NS/NAME", "secrets/NS/NAME". The key
// in the store is the same behind a slash.
std::string SessionKey(const std::string& resource, const std::string& name_space,
                       const std::string& name);

// The ConfigMaps and Secrets that a pod needs on its node: variables, envFrom, volumes (projected
// ones too) and pull secrets, of all its containers, and the pull secrets of what it pulls ahead
// for its successor. Optional ones are included, since the agent cannot use what it never gets.
// Pure; sorted, each once.
std::vector<std::string> ReferencedKeys(const v1::Pod& pod);

}  // namespace muster::coordinator
