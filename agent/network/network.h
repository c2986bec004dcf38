#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/network/host_port_table.h"
#include "agent/network/own_pods.h"
#include "agent/network/pod_network.h"
#include "agent/network/service_table.h"
#include "muster/network/v1/table.pb.h"

namespace muster::agent {

// What of the fleet's network this node keeps, as the node's loop sees it: it hands over what comes
// from the coordinator and asks for what pods get. Loop thread only; nothing blocks.
class Network {
 public:
  virtual ~Network() = default;

  // Of the table that is held; 0: none.
  virtual int64_t revision() const = 0;
  virtual void Take(const network::v1::Update& update) = 0;
  // This host is no node any more.
  virtual void Forget() = 0;
  virtual void SetConnected(bool connected) = 0;
  // The servers of the host's resolv.conf.
  virtual void SetHostDns(const std::vector<std::string>& servers) = 0;

  // How this node's own pods fare, which names and addresses follow at once. Until the first call
  // that is not known.
  virtual void SetOwnPods(const OwnPods& pods) = 0;

  // Whether this host can lead its ports to pods at all.
  virtual bool leads_host_ports() const = 0;
  // Where they lead from now on; `done` is told, later, when that is so or why it is not. Until the
  // first call nothing changes about them: an agent that has just started does not know its pods.
  virtual void SetHostPorts(const HostPortWish& wish,
                            std::function<void(const absl::Status&)> done) = 0;

  // Name servers for pods with dnsPolicy ClusterFirst; none while there is no server here.
  virtual std::vector<std::string> Resolvers() const = 0;
  // How the network of this node's pods fares; nothing when it is not the agent's business.
  virtual std::optional<PodNetworkState> pod_network() const = 0;
  // With what is known of its own pods. Null before the first one.
  virtual std::shared_ptr<const ServiceTable> table() const = 0;
};

}  // namespace muster::agent
