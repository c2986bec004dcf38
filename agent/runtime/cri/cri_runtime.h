#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/runtime/runtime.h"
#include "agent/runtime/runtime_events.h"

namespace muster::agent {

// A container runtime that speaks CRI v1 over gRPC, usually containerd on its unix socket.
//
// Thread-safe; nothing blocks but the destructor, which cancels what is under way (a pull, say) and
// waits for the callbacks, so it must not run on a thread that a callback waits for. Callbacks run
// on gRPC's threads.
//
// While the runtime is away calls fail at once with Unavailable; the connection is tried again
// after 0.1 s, doubling up to 3 s. Stopping or removing what the runtime does not know is OK here,
// whatever the runtime's version says to it.
class CriRuntime final : public Runtime, public RuntimeEvents {
 public:
  // Told of every call that is over, on any thread: its name as CRI has it ("RunPodSandbox"), how
  // long it took and how it ended. Not of streams.
  using OnCall = std::function<void(std::string_view call, std::chrono::nanoseconds took,
                                    const absl::Status&)>;

  // "unix:///run/containerd/containerd.sock", or an absolute path. Does not connect yet.
  explicit CriRuntime(const std::string& endpoint, OnCall on_call = nullptr);
  ~CriRuntime() override;

  void Info(Done<RuntimeInfo> done) override;
  void RunSandbox(const SandboxConfig& config, Done<std::string> done) override;
  void StopSandbox(const std::string& id, DoneStatus done) override;
  void RemoveSandbox(const std::string& id, DoneStatus done) override;
  void SandboxStatusOf(const std::string& id, Done<SandboxStatus> done) override;
  void ListSandboxes(Done<std::vector<SandboxStatus>> done) override;
  void CreateContainer(const std::string& sandbox_id, const ContainerConfig& config,
                       const SandboxConfig& sandbox_config, Done<std::string> done) override;
  void StartContainer(const std::string& id, DoneStatus done) override;
  void StopContainer(const std::string& id, std::chrono::seconds grace, DoneStatus done) override;
  void RemoveContainer(const std::string& id, DoneStatus done) override;
  void ContainerStatusOf(const std::string& id, Done<ContainerStatus> done) override;
  void ListContainers(Done<std::vector<ContainerStatus>> done) override;
  void UpdateContainer(const std::string& id, const LinuxResources& resources,
                       DoneStatus done) override;
  void ReopenContainerLog(const std::string& id, DoneStatus done) override;
  void ListContainerStats(Done<std::vector<ContainerStats>> done) override;
  void ExecSync(const std::string& container_id, const std::vector<std::string>& command,
                std::chrono::seconds timeout, Done<ExecResult> done) override;
  void AttachUrl(const std::string& container_id, bool stdin, bool tty,
                 Done<std::string> done) override;
  void ExecUrl(const std::string& container_id, const std::vector<std::string>& command, bool stdin,
               bool tty, Done<std::string> done) override;
  void ImageStatusOf(const std::string& image, Done<std::optional<ImageStatus>> done) override;
  void PullImage(const std::string& image, const std::optional<RegistryAuth>& auth,
                 const SandboxConfig* sandbox, Done<std::string> done) override;
  void ListImages(Done<std::vector<ImageStatus>> done) override;
  void RemoveImage(const std::string& image, DoneStatus done) override;
  void ImageFilesystems(Done<std::vector<ImageFilesystem>> done) override;
  void WatchEvents(std::function<void(const RuntimeEvent&)> on_event,
                   std::function<void(absl::Status)> on_end) override;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace muster::agent
