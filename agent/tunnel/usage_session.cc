#include "agent/tunnel/usage_session.h"

#include <poll.h>

#include <algorithm>
#include <vector>

#include "agent/tunnel/await.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

// False: the peer went away.
bool WaitFor(std::chrono::milliseconds window, TunnelPeer& peer) {
  const auto until = std::chrono::steady_clock::now() + window;
  while (!peer.gone()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    pollfd wait{peer.wake_fd(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(left.count()));
    while (peer.TakeInput()) continue;  // Nothing is expected.
  }
  return false;
}

absl::StatusOr<std::vector<ContainerStats>> Look(Runtime& runtime, const TunnelPeer& peer) {
  return Await<std::vector<ContainerStats>>(
      peer, [&](auto done) { runtime.ListContainerStats(std::move(done)); });
}

}  // namespace

absl::Status SendUsage(const std::set<std::string>& pod_uids, const SampleHost& host,
                       Runtime& runtime, TunnelPeer& peer, std::chrono::milliseconds window) {
  const auto sample = [&host] { return host ? host() : std::nullopt; };
  std::vector<ContainerStats> first, second;
  std::vector<ContainerStatus> containers;
  const std::optional<HostSample> host_first = sample();
  // Who only wants to know about the host does not depend on the runtime.
  if (!pod_uids.empty()) {
    MUSTER_ASSIGN_OR_RETURN(first, Look(runtime, peer));
  }
  if (!WaitFor(window, peer)) return absl::CancelledError("the user went away");
  const std::optional<HostSample> host_second = sample();
  if (!pod_uids.empty()) {
    MUSTER_ASSIGN_OR_RETURN(second, Look(runtime, peer));
    MUSTER_ASSIGN_OR_RETURN(containers, Await<std::vector<ContainerStatus>>(peer, [&](auto done) {
                              runtime.ListContainers(std::move(done));
                            }));
  }
  NodeUsage usage;
  usage.containers = ContainersUsage(pod_uids, containers, first, second);
  usage.node = HostUsage(host_first, host_second);
  return peer.SendUsage(usage) ? absl::OkStatus() : absl::CancelledError("the user went away");
}

}  // namespace muster::agent
