#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/runtime/runtime.h"
#include "common/base/clock.h"

namespace muster::agent {

// How the main process of a container behaves, found by its command line.
struct FakeProgram {
  // Not empty: it cannot be started, and this is what the runtime says about it.
  std::string start_error;
  // Ends by itself after this long. nullopt: runs until it is stopped.
  std::optional<Duration> runs_for;
  int32_t exit_code = 0;
  // What it exits with on the stop signal. nullopt: ignores it, as PID 1 without handlers does.
  std::optional<int32_t> on_term = 143;
  Duration term_takes{0};
};

// What a node's container runtime holds and how it changes, without any queueing: every call acts
// at once. Behaviour and error texts are those observed on containerd 1.6. Not thread-safe.
class FakeWorld {
 public:
  struct Sandbox {
    SandboxConfig config;
    SandboxStatus status;
  };
  struct Container {
    ContainerConfig config;
    ContainerStatus status;
    FakeProgram program;
    std::optional<MonoTime> exits_at;
    int32_t exits_with = 0;
    bool term_sent = false;
  };

  explicit FakeWorld(const Clock& clock) : clock_(clock) {}

  absl::StatusOr<std::string> RunSandbox(const SandboxConfig& config);
  absl::Status StopSandbox(const std::string& id);
  absl::Status RemoveSandbox(const std::string& id);
  absl::StatusOr<SandboxStatus> SandboxStatusOf(const std::string& id) const;
  absl::StatusOr<std::string> CreateContainer(const std::string& sandbox_id,
                                              const ContainerConfig& config,
                                              const SandboxConfig& sandbox_config);
  absl::Status StartContainer(const std::string& id);
  // The stop signal, once in a container's life as the runtime sends it.
  void SendTerm(const std::string& id);
  void Kill(const std::string& id);
  // What is 0 stays; of one that has ended nothing changes.
  absl::Status UpdateContainer(const std::string& id, const LinuxResources& resources);
  void RemoveContainer(const std::string& id);
  absl::StatusOr<ContainerStatus> ContainerStatusOf(const std::string& id) const;
  absl::Status CheckRunning(const std::string& id, const std::string& doing) const;
  bool IsRunning(const std::string& id) const;

  const ImageStatus* FindImage(const std::string& image) const;
  absl::StatusOr<std::string> PullImage(const std::string& image);
  void RemoveImage(const std::string& image);

  // Ends what has run its time by now.
  void ExitDue();
  std::optional<MonoTime> NextExit() const;
  void End(const std::string& id, int32_t exit_code, const std::string& reason, WallTime when);
  void Reboot();

  ImageStatus AddImage(const std::string& name);
  static std::string NormalName(const std::string& image);

  // The state itself, for tests to look at and to disturb.
  std::map<std::string, Sandbox> sandboxes;
  std::map<std::string, Container> containers;
  std::map<std::string, ImageStatus> images;  // By normalised name.
  std::set<std::string> registry;
  std::map<std::string, absl::Status> pull_errors;
  std::map<std::string, FakeProgram> programs;
  std::string pod_network = "10.88";  // The first half of what sandboxes get.

 private:
  std::string NewId();
  FakeProgram ProgramOf(const ContainerConfig& config) const;
  void KillContainersOf(const std::string& sandbox_id);

  const Clock& clock_;
  uint64_t next_id_ = 1;
  int next_address_ = 2;
  int64_t next_pid_ = 1000;
};

}  // namespace muster::agent
