#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace muster::agent {

// A real containerd of the test's own: private mount, network and pid namespaces, all files on a
// tmpfs, CNI when the plug-ins are there, a busybox image made from this machine's busybox, and a
// registry on localhost that has nothing. Everything is gone when the process ends, however it
// ends.
class PrivateContainerd {
 public:
  // Moves the calling process into its own namespaces, so call it before there is any thread.
  // FailedPrecondition says what this machine lacks (root, containerd, busybox).
  static absl::Status Isolate();

  // Starts containerd and loads the image; only after Isolate.
  PrivateContainerd();
  ~PrivateContainerd();
  PrivateContainerd(const PrivateContainerd&) = delete;
  PrivateContainerd& operator=(const PrivateContainerd&) = delete;

  const std::string& socket() const { return socket_; }
  const std::string& directory() const { return directory_; }
  const std::string& cgroup_parent() const { return cgroup_parent_; }
  bool has_pod_network() const;
  int registry_port() const { return registry_port_; }

 private:
  void Launch();
  void LoadImage();
  void ServeEmptyRegistry();

  std::string directory_, socket_, cgroup_parent_;
  int supervisor_ = -1;  // The pid of `unshare`; killing it ends everything below.
  int registry_fd_ = -1;
  int registry_port_ = 0;
};

}  // namespace muster::agent
