#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "agent/workload/observed.h"
#include "agent/workload/plan.h"
#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

inline constexpr MonoTime kNow{std::chrono::hours(10)};
inline constexpr WallTime kWall{std::chrono::hours(24 * 365 * 50)};

inline v1::Pod MakePod(const std::vector<std::string>& containers,
                       const std::vector<std::string>& init = {}) {
  v1::Pod pod;
  pod.mutable_metadata()->set_name("web");
  pod.mutable_metadata()->set_namespace_("ns");
  pod.mutable_metadata()->set_uid("u1");
  pod.mutable_spec()->set_restart_policy("Always");
  pod.mutable_spec()->set_termination_grace_period_seconds(30);
  const auto add = [](const std::string& name, v1::Container* container) {
    container->set_name(name);
    container->set_image("img:1");
    container->set_image_pull_policy("IfNotPresent");
  };
  for (const std::string& name : init) add(name, pod.mutable_spec()->add_init_containers());
  for (const std::string& name : containers) add(name, pod.mutable_spec()->add_containers());
  return pod;
}

inline PodIntent IntentOf(const v1::Pod& pod) {
  PodIntent intent;
  intent.pod = &pod;
  intent.inputs = "v1";
  for (const auto& c : pod.spec().init_containers()) intent.hashes[c.name()] = "m1-" + c.image();
  for (const auto& c : pod.spec().containers()) intent.hashes[c.name()] = "m1-" + c.image();
  return intent;
}

inline SandboxInstance Sandbox(const std::string& id, SandboxState state, uint32_t attempt = 0) {
  SandboxInstance sandbox;
  sandbox.status.id = id;
  sandbox.status.state = state;
  sandbox.status.attempt = attempt;
  sandbox.status.created_at = kWall + std::chrono::seconds(attempt);
  sandbox.status.network = NamespaceMode::kPod;
  sandbox.status.ips = {"10.1.0.7"};
  return sandbox;
}

inline ContainerInstance Instance(const std::string& id, ContainerState state,
                                  uint32_t restart_count = 0, int32_t exit_code = 0,
                                  std::chrono::seconds exited_ago = std::chrono::seconds(0)) {
  ContainerInstance instance;
  instance.status.id = id;
  instance.status.sandbox_id = "s0";
  instance.status.state = state;
  instance.status.attempt = restart_count;
  instance.status.created_at = kWall;
  instance.status.started_at = kWall;
  instance.status.image_name = "img:1";
  instance.status.image_ref = "sha256:1";
  instance.restart_count = restart_count;
  instance.hash = "m1-img:1";
  if (state == ContainerState::kExited) {
    instance.status.exit_code = exit_code;
    instance.status.finished_at = kWall + std::chrono::seconds(5);
    instance.exited_at = kNow - exited_ago;
  }
  return instance;
}

// Volumes prepared, sandbox s0 ready, nothing else.
inline ObservedPod WithSandbox() {
  ObservedPod observed;
  observed.known = true;
  observed.prepared_inputs = "v1";
  observed.sandboxes = {Sandbox("s0", SandboxState::kReady)};
  return observed;
}

inline std::vector<std::string> Described(const Plan& plan) {
  std::vector<std::string> lines;
  for (const Action& action : plan.actions) lines.push_back(Describe(action));
  return lines;
}

}  // namespace muster::agent
