#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/dns/net/dns_server.h"
#include "agent/host/folder_watch.h"
#include "agent/loop/worker.h"
#include "agent/network/host/bridge.h"
#include "agent/network/host/network_watch.h"
#include "agent/network/host/nftables.h"
#include "agent/network/network.h"
#include "agent/network/network_options.h"
#include "agent/network/ruleset.h"
#include "common/base/clock.h"
#include "common/daemon/event_loop.h"

namespace muster::agent {

// The network of a real host: keeps the table on disk, the name server up, and `table inet muster`
// in nftables as the table has it; with `network: bridge` also the network of its pods. Whatever is
// not possible on this host is left out, and said once.
//
// Writing the table and talking to nftables is a worker's of its own, one after the other, and
// always about the newest state.
class NodeNetwork final : public Network {
 public:
  // Both outlive it.
  NodeNetwork(EventLoop& events, const Clock& clock, NetworkOptions options);
  ~NodeNetwork() override;

  // Reads the table that was kept and begins to answer.
  void Start();
  // `changed` is called on the loop thread when pod_network() says something else.
  void OnPodNetwork(std::function<void()> changed) { pod_network_changed_ = std::move(changed); }

  int64_t revision() const override { return table_ == nullptr ? 0 : table_->revision(); }
  void Take(const network::v1::Update& update) override;
  void Forget() override;
  void SetConnected(bool connected) override { server_.SetOwnFirst(!connected); }
  void SetHostDns(const std::vector<std::string>& servers) override;
  void SetOwnPods(const OwnPods& pods) override;
  bool leads_host_ports() const override { return leads_host_ports_; }
  void SetHostPorts(const HostPortWish& wish,
                    std::function<void(const absl::Status&)> done) override;
  std::vector<std::string> Resolvers() const override;
  std::optional<PodNetworkState> pod_network() const override { return pod_network_; }
  std::shared_ptr<const ServiceTable> table() const override { return table_; }

 private:
  struct Order;   // What is to be in nftables.
  struct Shared;  // What the worker uses.

  void SetTable(const ServiceTable& table);
  void ApplyOwnPods();
  bool ToldInThisBoot() const;
  bool AwaitsOwnPods() const;
  void Program();
  void WatchHost();
  void KeepBridge();
  BridgeInput WantedBridge() const;
  void TakeBridge(const BridgeOutcome& outcome);
  void Save();

  EventLoop& events_;
  const Clock& clock_;
  const NetworkOptions options_;
  ServiceTableBuilder builder_;
  // As it was told, and with what is known of the node's own pods.
  std::shared_ptr<const ServiceTable> told_table_, table_;
  std::optional<OwnPods> own_pods_;
  // The present boot, and the one in which the coordinator heard how this node's pods fare, as
  // told_table_ has it; "" when that is not known.
  std::string boot_id_, told_in_boot_;
  bool inherits_rules_ = false;  // When it started there were some of ours.
  MonoTime await_own_pods_until_{};
  DnsServer server_;
  const std::shared_ptr<Shared> shared_;
  bool programming_ = false, program_again_ = false;
  // Whether the table is what the coordinator says, not only what was kept.
  bool told_ = false;
  std::string rules_problem_;
  std::optional<PodNetworkState> pod_network_;
  std::function<void()> pod_network_changed_;
  bool bridge_active_ = false, keeping_bridge_ = false, keep_bridge_again_ = false;
  std::string bridge_problem_;
  // What else may change the network of pods: files of CNI's, and the host's own network.
  std::unique_ptr<FolderWatch> cni_watch_;
  std::unique_ptr<NetworkWatch> network_watch_;
  std::vector<std::unique_ptr<EventLoop::Source>> watch_sources_;
  std::unique_ptr<EventLoop::Timer> bridge_timer_;
  bool leads_host_ports_ = false;
  std::optional<HostPortWish> host_ports_;
  std::vector<std::function<void(const absl::Status&)>> host_ports_done_;  // To be told.
  std::unique_ptr<EventLoop::Timer> save_timer_, retry_timer_;
  bool save_due_ = false;
  ThreadWorker worker_;  // Its task under way uses the members above.
};

// Takes away whatever of ours is on this host outside of the agent's own files: our table in
// nftables, the name server's addresses, and the network of pods with its routes.
absl::Status RemoveFromHost(const NetworkOptions& options);

}  // namespace muster::agent
