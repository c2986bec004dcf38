#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/network/network.h"

namespace muster::agent {

// A network that leads host ports at once, or when the test says so, and has nothing else.
class FakeNetwork final : public Network {
 public:
  // Nothing is put in place until Release.
  void Hold() { held_ = true; }
  void Release() {
    held_ = false;
    for (const auto& done : std::exchange(waiting_, {})) done(answer);
  }
  // The agent died: nobody waits any more. What is in place stays.
  void DropCallers() { waiting_.clear(); }
  // Uid of the pod that a TCP port of this host leads to, IPv4; "" for none.
  std::string LedTo(int port) const {
    const auto found = wish.table.find({false, "tcp", std::nullopt, port});
    return found == wish.table.end() ? "" : found->second.pod_uid;
  }

  int64_t revision() const override { return 0; }
  void Take(const network::v1::Update&) override {}
  void Forget() override {}
  void SetConnected(bool) override {}
  void SetHostDns(const std::vector<std::string>&) override {}
  void SetOwnPods(const OwnPods& pods) override { own_pods = pods; }
  bool leads_host_ports() const override { return true; }
  void SetHostPorts(const HostPortWish& wanted,
                    std::function<void(const absl::Status&)> done) override {
    ++asked;
    wish = wanted;
    if (held_) {
      waiting_.push_back(std::move(done));
    } else {
      done(answer);
    }
  }
  std::vector<std::string> Resolvers() const override { return {}; }
  std::optional<PodNetworkState> pod_network() const override { return std::nullopt; }
  std::shared_ptr<const ServiceTable> table() const override { return nullptr; }

  HostPortWish wish;  // The last one.
  std::optional<OwnPods> own_pods;
  int asked = 0;
  absl::Status answer;

 private:
  bool held_ = false;
  std::vector<std::function<void(const absl::Status&)>> waiting_;
};

}  // namespace muster::agent
