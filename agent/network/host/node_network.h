#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/dns/net/dns_server.h"
#include "agent/loop/worker.h"
#include "agent/network/host/nftables.h"
#include "agent/network/network.h"
#include "agent/network/network_options.h"
#include "agent/network/ruleset.h"
#include "common/base/clock.h"
#include "common/daemon/event_loop.h"

namespace muster::agent {

// The network of a real host: keeps the table on disk, the name server up, and `table inet muster`
// in nftables as the table has it. Whatever is not possible on this host is left out, and said
// once.
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

  int64_t revision() const override { return table_ == nullptr ? 0 : table_->revision(); }
  void Take(const network::v1::Update& update) override;
  void Forget() override;
  void SetConnected(bool connected) override { server_.SetOwnFirst(!connected); }
  void SetHostDns(const std::vector<std::string>& servers) override;
  bool leads_host_ports() const override { return leads_host_ports_; }
  void SetHostPorts(const HostPortWish& wish,
                    std::function<void(const absl::Status&)> done) override;
  std::vector<std::string> Resolvers() const override;
  std::shared_ptr<const ServiceTable> table() const override { return table_; }

 private:
  struct Order;   // What is to be in nftables.
  struct Shared;  // What the worker uses.

  void SetTable(const ServiceTable& table);
  void Program();
  void Save();

  EventLoop& events_;
  const Clock& clock_;
  const NetworkOptions options_;
  ServiceTableBuilder builder_;
  std::shared_ptr<const ServiceTable> table_;
  DnsServer server_;
  const std::shared_ptr<Shared> shared_;
  bool programming_ = false, program_again_ = false;
  // Whether the table is what the coordinator says, not only what was kept.
  bool told_ = false;
  std::string rules_problem_;
  bool leads_host_ports_ = false;
  std::optional<HostPortWish> host_ports_;
  std::vector<std::function<void(const absl::Status&)>> host_ports_done_;  // To be told.
  std::unique_ptr<EventLoop::Timer> save_timer_, retry_timer_;
  bool save_due_ = false;
  ThreadWorker worker_;  // Its task under way uses the members above.
};

// Takes away whatever of ours is on this host outside of files: our table in nftables, and the
// name server's addresses.
absl::Status RemoveFromHost(const NetworkOptions& options);

}  // namespace muster::agent
