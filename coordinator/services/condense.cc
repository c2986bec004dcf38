#include "coordinator/services/condense.h"

#include <string>

#include "common/base/ip_address.h"
#include "coordinator/services/slices.h"

namespace muster::coordinator {
namespace {

constexpr char kHeadless[] = "None";

}  // namespace

network::v1::Service Condense(const v1::Service& service) {
  const v1::ServiceSpec& spec = service.spec();
  network::v1::Service entry;
  entry.set_namespace_(service.metadata().namespace_());
  entry.set_name(service.metadata().name());
  if (spec.type() == "ExternalName") {
    entry.set_external_name(spec.external_name());
    return entry;
  }
  for (const std::string& address : spec.cluster_ips()) {
    if (address != kHeadless) entry.add_cluster_ips(address);
  }
  for (const v1::ServicePort& port : spec.ports()) {
    network::v1::Port& its = *entry.add_ports();
    its.set_name(port.name());
    its.set_protocol(port.protocol());
    its.set_port(port.port());
    its.set_node_port(port.node_port());
  }
  entry.set_publish_not_ready_addresses(spec.publish_not_ready_addresses());
  if (spec.session_affinity() == "ClientIP") {
    entry.set_affinity_seconds(spec.session_affinity_config().client_ip().timeout_seconds());
  }
  entry.set_internal_local(spec.internal_traffic_policy() == "Local");
  entry.set_external_local(spec.external_traffic_policy() == "Local");
  entry.set_prefer_same_node(spec.traffic_distribution() == "PreferSameNode");
  return entry;
}

std::optional<network::v1::Slice> Condense(const v1::EndpointSlice& slice) {
  const auto service = slice.metadata().labels().find(kServiceNameLabel);
  if (service == slice.metadata().labels().end() || slice.address_type() == "FQDN") {
    return std::nullopt;
  }
  network::v1::Slice entry;
  entry.set_namespace_(slice.metadata().namespace_());
  entry.set_name(slice.metadata().name());
  entry.set_service(service->second);
  for (const v1::DiscoveryEndpointPort& port : slice.ports()) {
    network::v1::SlicePort& its = *entry.add_ports();
    its.set_name(port.name());
    its.set_protocol(port.has_protocol() ? port.protocol() : "TCP");
    its.set_port(port.port());
  }
  for (const v1::Endpoint& endpoint : slice.endpoints()) {
    // As Kubernetes: the others of one endpoint are reserved.
    if (endpoint.addresses().empty()) continue;
    const std::optional<IpAddress> address = ParseIp(endpoint.addresses(0));
    if (!address) continue;
    network::v1::Endpoint& its = *entry.add_endpoints();
    its.set_address(address->Bytes());
    its.set_node(endpoint.node_name());
    its.set_hostname(endpoint.hostname());
    const v1::EndpointConditions& conditions = endpoint.conditions();
    its.set_ready(!conditions.has_ready() || conditions.ready());
    its.set_serving(conditions.has_serving() ? conditions.serving() : its.ready());
    its.set_terminating(conditions.terminating());
    if (endpoint.target_ref().kind() == "Pod") its.set_pod(endpoint.target_ref().name());
  }
  return entry;
}

std::optional<network::v1::Node> Condense(const v1::Node& node) {
  if (node.spec().pod_cidrs().empty() && node.spec().pod_cidr().empty()) return std::nullopt;
  network::v1::Node entry;
  entry.set_name(node.metadata().name());
  for (const v1::NodeAddress& address : node.status().addresses()) {
    if (address.type() == "InternalIP") entry.add_addresses(address.address());
  }
  *entry.mutable_pod_cidrs() = node.spec().pod_cidrs();
  if (entry.pod_cidrs().empty()) entry.add_pod_cidrs(node.spec().pod_cidr());
  return entry;
}

}  // namespace muster::coordinator
