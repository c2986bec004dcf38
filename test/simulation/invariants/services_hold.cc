// Issue 7: no two Services have an address or a node port in common, no two nodes a subnet for
// their pods, and none loses its own. Once it is quiet, the endpoints of each Service are exactly
// the ready pods that it selects, nobody else has any, and every agent knows just that.

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

constexpr char kServiceLabel[] = "kubernetes.io/service-name";
constexpr char kNone[] = "None";

class ServicesHold final : public Invariant {
 public:
  absl::string_view name() const override { return "Services have what is theirs"; }

  void OnCommit(const Sight& sight, const Commit& commit, const Report& report) override {
    bool changed = false;
    for (const ObjectCommit& object : commit.objects) {
      if (object.after && object.after->has_node()) CheckNode(sight, object, report);
      const bool is_there = object.after && object.after->has_service();
      changed = changed || is_there;
      if (is_there && object.before) CheckKept(object, report);
    }
    if (changed) CheckUnique(sight, report);
  }

  void OnQuiet(const Sight& sight, const Report& report) override {
    std::map<std::string, std::set<std::string>> sliced, listed;  // Addresses by Service.
    std::set<std::string> services;
    for (const auto& [key, object] : sight.ledger.now()) {
      if (object->has_service()) services.insert(object->service().metadata().name());
      if (object->has_endpoint_slice()) Collect(object->endpoint_slice(), sliced);
      if (object->has_endpoints()) Collect(object->endpoints(), listed);
    }
    for (const auto* kind : {&sliced, &listed}) {
      for (const auto& [service, addresses] : *kind) {
        if (services.contains(service)) continue;
        report(absl::StrCat("endpoints of ", service, " are there, which is not"));
      }
    }
    for (const auto& [key, object] : sight.ledger.now()) {
      if (!object->has_service()) continue;
      const std::string& service = object->service().metadata().name();
      const std::set<std::string> wanted = PlacesOf(object->service(), sight.ledger.now());
      if (sliced[service] != wanted) Differ(service, "slices", sliced[service], wanted, report);
      if (listed[service] != wanted) Differ(service, "endpoints", listed[service], wanted, report);
      for (const auto& [name, machine] : sight.machines) {
        if (!machine->agent_runs() || !IsNode(sight, name)) continue;
        const std::set<std::string> known = KnownOn(*machine, service);
        if (known == wanted) continue;
        Differ(service, absl::StrCat("places known on ", name), known, wanted, report);
      }
    }
    CheckSubnetsKnown(sight, report);
  }

 private:
  static bool IsNode(const Sight& sight, const std::string& name) {
    return sight.ledger.Find(absl::StrCat("/nodes/", name)) != nullptr;
  }

  static std::set<std::string> KnownOn(const Machine& machine, const std::string& service) {
    std::set<std::string> addresses;
    if (machine.table() == nullptr) return addresses;
    for (const agent::ServicePlace& place : machine.table()->PlacesOf(kNamespace, service)) {
      if (place.ready) addresses.insert(ToText(place.address));
    }
    return addresses;
  }

  static void CheckNode(const Sight& sight, const ObjectCommit& object, const Report& report) {
    const v1::Node& node = object.after->node();
    if (object.before && object.before->node().metadata().uid() == node.metadata().uid() &&
        !object.before->node().spec().pod_cidr().empty() &&
        object.before->node().spec().pod_cidr() != node.spec().pod_cidr()) {
      report(absl::StrCat(object.key, " lost its subnet"));
    }
    if (node.spec().pod_cidr().empty()) return;
    for (const auto& [name, other] : NodesIn(sight.ledger.now())) {
      if (name == node.metadata().name() || other->spec().pod_cidr() != node.spec().pod_cidr()) {
        continue;
      }
      report(absl::StrCat(object.key, " and ", name, " both have ", node.spec().pod_cidr()));
    }
  }

  static void CheckSubnetsKnown(const Sight& sight, const Report& report) {
    for (const auto& [name, machine] : sight.machines) {
      if (!machine->agent_runs() || !IsNode(sight, name)) continue;
      for (const auto& [other, node] : NodesIn(sight.ledger.now())) {
        if (node->spec().pod_cidr().empty()) {
          report(absl::StrCat(other, " has no subnet"));
          continue;
        }
        const auto table = machine->table();
        const bool knows = table != nullptr && table->nodes().contains(other) &&
                           table->nodes().at(other).pod_cidrs(0) == node->spec().pod_cidr();
        if (!knows) report(absl::StrCat(name, " does not know the subnet of ", other));
      }
    }
  }

  static void Differ(const std::string& service, const std::string& what,
                     const std::set<std::string>& are, const std::set<std::string>& should,
                     const Report& report) {
    report(absl::StrCat("the ", what, " of ", service, " have ", absl::StrJoin(are, ","),
                        ", but ready are ", absl::StrJoin(should, ",")));
  }

  static void CheckKept(const ObjectCommit& object, const Report& report) {
    const v1::Service& before = object.before->service();
    const v1::Service& after = object.after->service();
    if (before.metadata().uid() != after.metadata().uid()) return;
    for (int i = 0; i < before.spec().cluster_ips_size(); ++i) {
      if (i < after.spec().cluster_ips_size() &&
          after.spec().cluster_ips(i) == before.spec().cluster_ips(i)) {
        continue;
      }
      report(absl::StrCat(object.key, " lost its address ", before.spec().cluster_ips(i)));
    }
    const auto port = [](const v1::Service& service) {
      return service.spec().ports().empty() ? 0 : service.spec().ports(0).node_port();
    };
    if (port(before) != 0 && port(after) != port(before)) {
      report(absl::StrCat(object.key, " lost its node port ", port(before)));
    }
  }

  static void CheckUnique(const Sight& sight, const Report& report) {
    std::map<std::string, std::string> owners;
    const auto take = [&](const std::string& what, const std::string& service) {
      const auto [found, is_new] = owners.emplace(what, service);
      if (!is_new) report(absl::StrCat(service, " and ", found->second, " both have ", what));
    };
    for (const auto& [key, object] : sight.ledger.now()) {
      if (!object->has_service()) continue;
      const v1::ServiceSpec& spec = object->service().spec();
      for (const std::string& ip : spec.cluster_ips()) {
        if (ip != kNone) take(ip, key);
      }
      for (const v1::ServicePort& port : spec.ports()) {
        if (port.node_port() != 0) take(absl::StrCat("node port ", port.node_port()), key);
      }
    }
  }

  static void Collect(const v1::EndpointSlice& slice,
                      std::map<std::string, std::set<std::string>>& by_service) {
    const auto label = slice.metadata().labels().find(kServiceLabel);
    if (label == slice.metadata().labels().end()) return;
    std::set<std::string>& addresses = by_service[label->second];
    for (const v1::Endpoint& endpoint : slice.endpoints()) {
      if (!endpoint.conditions().ready()) continue;
      addresses.insert(endpoint.addresses().begin(), endpoint.addresses().end());
    }
  }

  static void Collect(const v1::Endpoints& endpoints,
                      std::map<std::string, std::set<std::string>>& by_service) {
    std::set<std::string>& addresses = by_service[endpoints.metadata().name()];
    for (const v1::EndpointSubset& subset : endpoints.subsets()) {
      for (const v1::EndpointAddress& address : subset.addresses()) addresses.insert(address.ip());
    }
  }

  // Pods here have an IPv4 address only.
  static std::set<std::string> PlacesOf(const v1::Service& service, const Objects& objects) {
    std::set<std::string> addresses;
    for (const auto& [key, object] : objects) {
      if (!object->has_pod()) continue;
      const v1::Pod& pod = object->pod();
      bool selected = !service.spec().selector().empty();
      for (const auto& [label, value] : service.spec().selector()) {
        const auto found = pod.metadata().labels().find(label);
        selected = selected && found != pod.metadata().labels().end() && found->second == value;
      }
      if (!selected || IsTerminal(pod) || pod.status().pod_ip().empty()) continue;
      const bool going = pod.metadata().has_deletion_timestamp();
      const bool published = service.spec().publish_not_ready_addresses();
      if (published || (IsReady(pod) && !going)) addresses.insert(pod.status().pod_ip());
    }
    return addresses;
  }
};

}  // namespace

std::unique_ptr<Invariant> NewServicesHold() { return std::make_unique<ServicesHold>(); }

}  // namespace muster::simulation
