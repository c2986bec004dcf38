#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "test/contract/runtime/stub_registry.h"

namespace muster::agent {

// A real containerd of the test's own: private mount, network and pid namespaces, all files on a
// tmpfs, CNI when the plug-ins are there, a busybox image made from this machine's busybox, and a
// registry on localhost. Everything is gone when the process ends, however it ends.
class PrivateContainerd {
 public:
  struct Settings {
    bool network = true;  // Whether there is a configuration for CNI.
    std::string sandbox_image = "docker.io/library/busybox:latest";
  };

  // Moves the calling process into its own namespaces, so call it before there is any thread.
  // FailedPrecondition says what this machine lacks (root, containerd, busybox).
  static absl::Status Isolate();

  // Starts containerd and loads the image; only after Isolate.
  PrivateContainerd() : PrivateContainerd(Settings()) {}
  explicit PrivateContainerd(const Settings& settings);
  ~PrivateContainerd();
  PrivateContainerd(const PrivateContainerd&) = delete;
  PrivateContainerd& operator=(const PrivateContainerd&) = delete;

  const std::string& socket() const { return socket_; }
  const std::string& directory() const { return directory_; }
  const std::string& cgroup_parent() const { return cgroup_parent_; }
  bool has_pod_network() const;
  int registry_port() const { return registry_->port(); }
  StubRegistry& registry() { return *registry_; }

  // Runs a line for bash among containerd's processes and mounts, where process ids are those that
  // the runtime tells. Its exit code.
  int RunInside(const std::string& line) const;
  // Ends containerd alone, with this signal; what it started goes on. Until Up it stays away.
  void Down(int signal);
  void Up();
  // What a power cut and a boot leave: the disk, and nothing that ran, was mounted or kept in /run.
  void Reboot();
  // From Hold to Release a sandbox that gets its network waits; AwaitHeld returns when one does.
  void HoldNetwork();
  void AwaitHeldNetwork() const;
  void ReleaseNetwork();
  // For one that was set up without a network, if this machine has the plug-ins.
  void ConfigureNetwork();

 private:
  void Launch();
  void AwaitAnswer() const;
  void EndAll();
  void LoadImage();

  std::string directory_, socket_, cgroup_parent_;
  int supervisor_ = -1;  // The pid of `unshare`; killing it ends everything below.
  std::unique_ptr<StubRegistry> registry_;
};

}  // namespace muster::agent
