#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "muster/v1/pod.pb.h"

namespace muster::ctl {

// Which container of a pod is meant, by kubectl's rules.
struct ContainerChoice {
  std::string name;
  bool tty = false;    // It was given a terminal.
  bool stdin = false;  // It reads what is typed.
  // 'Defaulted container "a" out of: a, b, c (init)', when there was something to choose from.
  std::string notice;
};

// The one that was asked for, or else the one that the annotation
// kubectl.kubernetes.io/default-container names, or else the first. NotFound when there is no
// container of the name.
absl::StatusOr<ContainerChoice> ChooseContainer(const v1::Pod& pod, const std::string& asked);

// All of them with "(init)" or "(ephem)" behind those that are no ordinary ones, as people read it.
std::string AllContainerNames(const v1::Pod& pod);

}  // namespace muster::ctl
