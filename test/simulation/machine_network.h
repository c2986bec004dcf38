#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/network/network.h"
#include "agent/network/own_pods.h"

namespace muster::simulation {

// What a machine keeps of the fleet's network: the table, on a disk that outlives the agent. It
// asks for subnets for its pods; nothing is programmed, and nobody is without a network meanwhile.
class MachineNetwork final : public agent::Network {
 public:
  MachineNetwork(std::string node, std::shared_ptr<std::string> disk)
      : node_(std::move(node)), disk_(std::move(disk)) {
    network::v1::Update saved;
    if (saved.ParseFromString(*disk_)) Take(saved);
  }

  int64_t revision() const override { return table_ == nullptr ? 0 : table_->revision(); }
  void Take(const network::v1::Update& update) override {
    const agent::ServiceTable* table = builder_.Take(update);
    if (table == nullptr) return;
    told_ = std::make_shared<const agent::ServiceTable>(*table);
    *disk_ = told_->Snapshot().SerializeAsString();
    Renew();
  }
  void Forget() override {
    builder_ = agent::ServiceTableBuilder();
    told_ = table_ = nullptr;
    disk_->clear();
  }
  void SetConnected(bool) override {}
  void SetHostDns(const std::vector<std::string>&) override {}
  void SetOwnPods(const agent::OwnPods& pods) override {
    own_pods_ = pods;
    Renew();
  }
  bool leads_host_ports() const override { return false; }
  void SetHostPorts(const agent::HostPortWish&,
                    std::function<void(const absl::Status&)> done) override {
    done(absl::OkStatus());
  }
  std::vector<std::string> Resolvers() const override { return {}; }
  std::optional<agent::PodNetworkState> pod_network() const override {
    return agent::PodNetworkState{false, "BridgeIsUp", ""};
  }
  std::shared_ptr<const agent::ServiceTable> table() const override { return table_; }

 private:
  void Renew() {
    table_ = told_ == nullptr || !own_pods_ ? told_ : WithOwnPods(told_, node_, *own_pods_);
  }

  const std::string node_;
  const std::shared_ptr<std::string> disk_;
  agent::ServiceTableBuilder builder_;
  std::optional<agent::OwnPods> own_pods_;
  std::shared_ptr<const agent::ServiceTable> told_, table_;
};

}  // namespace muster::simulation
