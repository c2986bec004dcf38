#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

namespace muster::agent {

// The steps a pod is made of. A closed set, so that std::visit finds forgotten cases. Each is
// idempotent: stopping what is stopped and removing what is gone succeed.

// Files and mounts on the host, or bringing them up to date with `inputs` (see PodIntent).
struct PrepareVolumes {
  std::string inputs;
  bool operator==(const PrepareVolumes&) const = default;
};
// The pod's control group, with what it is to have (see PodIntent). As long as something in it may
// still have more, limits are only raised.
struct EnsureGroup {
  std::string group;
  bool only_raise = false;
  bool operator==(const EnsureGroup&) const = default;
};
struct RunSandbox {
  uint32_t attempt = 0;
  bool operator==(const RunSandbox&) const = default;
};
struct InspectImage {
  std::string container;
  std::string image;  // As sent to the runtime, with a tag.
  bool may_pull = true;
  bool operator==(const InspectImage&) const = default;
};
struct PullImage {
  std::string container;
  std::string image;
  bool operator==(const PullImage&) const = default;
};
// Create and start; a created instance that was not started is never started later.
struct LaunchContainer {
  std::string container;
  bool is_init = false;
  std::string sandbox_id;
  uint32_t sandbox_attempt = 0;
  uint32_t restart_count = 0;
  std::string inputs;
  bool operator==(const LaunchContainer&) const = default;
};
// Tells the runtime what the specification of a running container says now.
struct ResizeContainer {
  std::string container;
  bool is_init = false;
  std::string id;
  std::string target;  // See ResizeTarget.
  bool operator==(const ResizeContainer&) const = default;
};
// What the user wants done before the stop signal, within the grace period. It may be left behind
// when the period is over.
struct RunPreStop {
  std::string container;
  bool is_init = false;
  std::string id;
  std::chrono::seconds grace{0};
  std::string why;  // As in StopContainer.
  bool by_probe = false;
  bool operator==(const RunPreStop&) const = default;
};
// What the user wants done right after the start; the container is not up before that.
struct RunPostStart {
  std::string container;
  bool is_init = false;
  std::string id;
  bool operator==(const RunPostStart&) const = default;
};
struct StopContainer {
  std::string container;
  std::string id;
  std::chrono::seconds grace{0};
  std::string why;         // What the Killing event says.
  bool by_probe = false;   // Liveness or startup failed.
  bool announced = false;  // There was such an event about this instance.
  bool operator==(const StopContainer&) const = default;
};
struct RemoveContainer {
  std::string container;
  std::string id;
  uint32_t restart_count = 0;
  bool operator==(const RemoveContainer&) const = default;
};
struct StopSandbox {
  std::string id;
  bool operator==(const StopSandbox&) const = default;
};
struct RemoveSandbox {
  std::string id;
  bool operator==(const RemoveSandbox&) const = default;
};
// The pod's files, volumes and logs, once the runtime holds nothing of it.
struct CleanUp {
  bool operator==(const CleanUp&) const = default;
};

using Action = std::variant<PrepareVolumes, EnsureGroup, RunSandbox, InspectImage, PullImage,
                            LaunchContainer, ResizeContainer, RunPostStart, RunPreStop,
                            StopContainer, RemoveContainer, StopSandbox, RemoveSandbox, CleanUp>;

// "launch container web (restart 3)", for logs and notes.
std::string Describe(const Action& action);

}  // namespace muster::agent
