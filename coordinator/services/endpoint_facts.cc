#include "coordinator/services/endpoint_facts.h"

#include <algorithm>

namespace muster::coordinator {
namespace {

bool HasEnded(const v1::Pod& pod) {
  return pod.status().phase() == "Succeeded" || pod.status().phase() == "Failed";
}

bool IsReady(const v1::Pod& pod) {
  const auto& conditions = pod.status().conditions();
  return std::any_of(conditions.begin(), conditions.end(), [](const v1::PodCondition& condition) {
    return condition.type() == "Ready" && condition.status() == "True";
  });
}

int NamedPort(const google::protobuf::RepeatedPtrField<v1::Container>& containers,
              const std::string& name, const std::string& protocol) {
  for (const v1::Container& container : containers) {
    for (const v1::ContainerPort& port : container.ports()) {
      const std::string& its = port.protocol().empty() ? "TCP" : port.protocol();
      if (port.name() == name && its == protocol) return port.container_port();
    }
  }
  return 0;
}

int TargetPort(const v1::ServicePort& port, const v1::PodSpec& spec) {
  if (!port.has_target_port()) return port.port();
  if (!port.target_port().has_string_value()) {
    return port.target_port().int_value() != 0 ? port.target_port().int_value() : port.port();
  }
  const std::string& name = port.target_port().string_value();
  const int number = NamedPort(spec.containers(), name, port.protocol());
  if (number != 0) return number;
  for (const v1::Container& container : spec.init_containers()) {
    if (container.restart_policy() != "Always") continue;  // Only sidecars go on running.
    for (const v1::ContainerPort& its : container.ports()) {
      if (its.name() == name && its.protocol() == port.protocol()) return its.container_port();
    }
  }
  return 0;
}

}  // namespace

bool Selects(const v1::Service& service, const v1::Pod& pod) {
  const auto& selector = service.spec().selector();
  if (selector.empty() || service.spec().type() == "ExternalName") return false;
  const auto& labels = pod.metadata().labels();
  return std::all_of(selector.begin(), selector.end(), [&labels](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

std::optional<EndpointFacts> FactsOf(const v1::Service& service, const v1::Pod& pod) {
  if (HasEnded(pod)) return std::nullopt;
  EndpointFacts facts;
  for (const v1::PodIP& ip : pod.status().pod_ips()) facts.addresses.push_back(ip.ip());
  if (facts.addresses.empty() && !pod.status().pod_ip().empty()) {
    facts.addresses.push_back(pod.status().pod_ip());
  }
  if (facts.addresses.empty()) return std::nullopt;
  facts.pod = pod.metadata().name();
  facts.uid = pod.metadata().uid();
  facts.node = pod.spec().node_name();
  if (!pod.spec().hostname().empty() && pod.spec().subdomain() == service.metadata().name()) {
    facts.hostname = pod.spec().hostname();
  }
  facts.terminating = pod.metadata().has_deletion_timestamp();
  facts.serving = IsReady(pod);
  facts.ready =
      service.spec().publish_not_ready_addresses() || (facts.serving && !facts.terminating);
  for (const v1::ServicePort& port : service.spec().ports()) {
    facts.ports.push_back(TargetPort(port, pod.spec()));
  }
  return facts;
}

std::vector<EndpointFacts> FactsOf(const v1::Service& service, const v1::Endpoints& endpoints) {
  std::vector<EndpointFacts> all;
  for (const v1::EndpointSubset& subset : endpoints.subsets()) {
    std::vector<int> ports;
    for (const v1::ServicePort& port : service.spec().ports()) {
      int number = 0;
      for (const v1::EndpointPort& its : subset.ports()) {
        if (its.name() == port.name() && its.protocol() == port.protocol()) number = its.port();
      }
      ports.push_back(number);
    }
    for (const bool ready : {true, false}) {
      for (const v1::EndpointAddress& address :
           ready ? subset.addresses() : subset.not_ready_addresses()) {
        EndpointFacts facts;
        if (address.target_ref().kind() == "Pod") {
          facts.pod = address.target_ref().name();
          facts.uid = address.target_ref().uid();
        }
        facts.node = address.node_name();
        facts.hostname = address.hostname();
        facts.addresses = {address.ip()};
        facts.serving = ready;
        facts.ready = ready || service.spec().publish_not_ready_addresses();
        facts.ports = ports;
        all.push_back(std::move(facts));
      }
    }
  }
  return all;
}

}  // namespace muster::coordinator
