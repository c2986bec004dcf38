#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "agent/loop/host_port_state.h"
#include "agent/loop/mailbox.h"
#include "agent/loop/pod_set.h"
#include "agent/network/network.h"
#include "common/base/clock.h"

namespace muster::agent {

// Has the network lead this node's host ports to the pods that they belong to, and knows which pods
// a port leads to, so that none is stopped meanwhile. Loop thread only.
class HostPortKeeper {
 public:
  using Warn = std::function<void(const std::string& reason, const std::string& message)>;

  // Without a network there is nothing to do.
  HostPortKeeper(const Clock& clock, Network* network, std::shared_ptr<NodeInbox> inbox, Warn warn);
  ~HostPortKeeper();
  HostPortKeeper(const HostPortKeeper&) = delete;
  HostPortKeeper& operator=(const HostPortKeeper&) = delete;

  // After the pods were planned. When it has to be called again.
  std::optional<MonoTime> Step(MonoTime now, const PodSet& pods);

  const HostPortState& state() const { return state_; }

 private:
  void Ask(const HostPortWish& wish);
  void OnDone(const HostPortWish& wish, const absl::Status& status);

  const Clock& clock_;
  Network* const network_;
  const std::shared_ptr<NodeInbox> inbox_;
  const Warn warn_;
  std::optional<HostPortWish> wanted_;  // As it was asked for last.
  std::set<std::string> in_place_;      // Pods that ports lead to in what is there.
  uint64_t plans_seen_ = 0;
  std::optional<MonoTime> ask_again_at_;
  std::string problem_;
  HostPortState state_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
