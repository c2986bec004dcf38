#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/network/service_table.h"
#include "common/base/ip_address.h"
#include "gtest/gtest.h"

namespace muster::agent {

// Builds tables as a coordinator tells them.
class TableWriter {
 public:
  network::v1::Service& Service(const std::string& name, const std::vector<std::string>& ips = {}) {
    network::v1::Service& service = *update_.add_services();
    service.set_namespace_("default");
    service.set_name(name);
    for (const std::string& ip : ips) service.add_cluster_ips(ip);
    return service;
  }
  static void Port(network::v1::Service& service, const std::string& name,
                   const std::string& protocol, int port, int node_port = 0) {
    network::v1::Port& its = *service.add_ports();
    its.set_name(name);
    its.set_protocol(protocol);
    its.set_port(port);
    its.set_node_port(node_port);
  }
  network::v1::Slice& Slice(const std::string& service, const std::string& port_name,
                            const std::string& protocol, int port) {
    network::v1::Slice& slice = *update_.add_slices();
    slice.set_namespace_("default");
    slice.set_name(service + "-" + std::to_string(update_.slices_size()));
    slice.set_service(service);
    network::v1::SlicePort& its = *slice.add_ports();
    its.set_name(port_name);
    its.set_protocol(protocol);
    its.set_port(port);
    return slice;
  }
  static network::v1::Endpoint& Place(network::v1::Slice& slice, const std::string& ip,
                                      const std::string& node, bool ready = true) {
    network::v1::Endpoint& place = *slice.add_endpoints();
    place.set_address(ParseIp(ip)->Bytes());
    place.set_node(node);
    place.set_pod("pod-on-" + node);
    place.set_ready(ready);
    place.set_serving(ready);
    return place;
  }
  network::v1::Update& update() { return update_; }
  std::shared_ptr<const ServiceTable> Table() {
    update_.set_full(true);
    update_.set_complete(true);
    ServiceTableBuilder builder;
    const ServiceTable* table = builder.Take(update_);
    EXPECT_NE(table, nullptr);
    return std::make_shared<const ServiceTable>(*table);
  }

 private:
  network::v1::Update update_;
};

}  // namespace muster::agent
