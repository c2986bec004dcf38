#include "coordinator/table/table.h"

#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "common/model/labels.h"
#include "coordinator/table/age.h"
#include "coordinator/table/daemon_job_text.h"
#include "coordinator/table/endpoints_text.h"
#include "coordinator/table/event_text.h"
#include "coordinator/table/pod_summary.h"

namespace muster::coordinator {
namespace {

using Cells = std::vector<std::string>;

// What a kind shows: columns that are always there, columns of `-o wide`, and its cells for all of
// them in this order.
struct Layout {
  Cells columns;
  Cells wide_columns;
  std::function<Cells(const v1::Object&, WallTime)> cells;
};

std::string OrNone(const std::string& text) { return text.empty() ? "<none>" : text; }
std::string OrUnknown(const std::string& text) { return text.empty() ? "<unknown>" : text; }

std::string Age(const v1::ObjectMeta& metadata, WallTime now) {
  return AgeOf(metadata.creation_timestamp(), now);
}

Cells DaemonSetCells(const v1::Object& object, WallTime now) {
  const v1::DaemonSet& daemon_set = object.daemon_set();
  const v1::DaemonSetStatus& status = daemon_set.status();
  const v1::PodSpec& pod = daemon_set.spec().template_().spec();
  Cells names;
  Cells images;
  for (const v1::Container& container : pod.containers()) {
    names.push_back(container.name());
    images.push_back(container.image());
  }
  return {daemon_set.metadata().name(),
          absl::StrCat(status.desired_number_scheduled()),
          absl::StrCat(status.current_number_scheduled()),
          absl::StrCat(status.number_ready()),
          absl::StrCat(status.updated_number_scheduled()),
          absl::StrCat(status.number_available()),
          model::FormatLabels(pod.node_selector()),
          Age(daemon_set.metadata(), now),
          absl::StrJoin(names, ","),
          absl::StrJoin(images, ","),
          model::FormatLabelSelector(daemon_set.spec().selector())};
}

std::string ReadinessGates(const v1::Pod& pod) {
  if (pod.spec().readiness_gates().empty()) return "<none>";
  int met = 0;
  for (const v1::PodReadinessGate& gate : pod.spec().readiness_gates()) {
    for (const v1::PodCondition& condition : pod.status().conditions()) {
      if (condition.type() != gate.condition_type()) continue;
      if (condition.status() == "True") ++met;
      break;
    }
  }
  return absl::StrCat(met, "/", pod.spec().readiness_gates_size());
}

Cells PodCells(const v1::Object& object, WallTime now) {
  const v1::Pod& pod = object.pod();
  const PodSummary summary = Summarize(pod, now);
  const std::string& ip =
      pod.status().pod_ips().empty() ? pod.status().pod_ip() : pod.status().pod_ips(0).ip();
  return {pod.metadata().name(),
          summary.ready,
          summary.status,
          summary.restarts,
          Age(pod.metadata(), now),
          OrNone(ip),
          OrNone(pod.spec().node_name()),
          OrNone(pod.status().nominated_node_name()),
          ReadinessGates(pod)};
}

std::string NodeStatusText(const v1::Node& node) {
  std::string text = "Unknown";
  for (const v1::NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == "Ready") text = condition.status() == "True" ? "Ready" : "NotReady";
  }
  if (node.spec().unschedulable()) text += ",SchedulingDisabled";
  return text;
}

std::string AddressOf(const v1::Node& node, std::string_view type) {
  for (const v1::NodeAddress& address : node.status().addresses()) {
    if (address.type() == type) return address.address();
  }
  return "<none>";
}

Cells NodeCells(const v1::Object& object, WallTime now) {
  const v1::Node& node = object.node();
  const v1::NodeSystemInfo& info = node.status().node_info();
  return {node.metadata().name(),
          NodeStatusText(node),
          NodeRoles(node),
          Age(node.metadata(), now),
          info.kubelet_version(),
          AddressOf(node, "InternalIP"),
          AddressOf(node, "ExternalIP"),
          OrUnknown(info.os_image()),
          OrUnknown(info.kernel_version()),
          OrUnknown(info.container_runtime_version())};
}

Cells EventCells(const v1::Object& object, WallTime now) {
  const v1::Event& event = object.event();
  const v1::ObjectReference& about = event.involved_object();
  std::string target = absl::AsciiStrToLower(about.kind());
  if (!about.name().empty()) absl::StrAppend(&target, "/", about.name());
  return {LastSeen(event, now),
          event.type(),
          event.reason(),
          target,
          std::string(absl::StripAsciiWhitespace(event.message())),
          about.field_path(),
          EventSourceText(event),
          FirstSeen(event, now),
          absl::StrCat(EventCount(event)),
          event.metadata().name()};
}

Cells ConfigMapCells(const v1::Object& object, WallTime now) {
  const v1::ConfigMap& map = object.config_map();
  return {map.metadata().name(), absl::StrCat(map.data_size() + map.binary_data_size()),
          Age(map.metadata(), now)};
}

Cells SecretCells(const v1::Object& object, WallTime now) {
  const v1::Secret& secret = object.secret();
  return {secret.metadata().name(), secret.type(), absl::StrCat(secret.data_size()),
          Age(secret.metadata(), now)};
}

std::string ControllerText(const v1::ObjectMeta& metadata) {
  for (const v1::OwnerReference& owner : metadata.owner_references()) {
    if (!owner.controller()) continue;
    const std::string& version = owner.api_version();
    const size_t slash = version.find('/');
    const std::string group = slash == std::string::npos ? "" : "." + version.substr(0, slash);
    return absl::StrCat(absl::AsciiStrToLower(owner.kind()), group, "/", owner.name());
  }
  return "<none>";
}

Cells ControllerRevisionCells(const v1::Object& object, WallTime now) {
  const v1::ControllerRevision& revision = object.controller_revision();
  return {revision.metadata().name(), ControllerText(revision.metadata()),
          absl::StrCat(revision.revision()), Age(revision.metadata(), now)};
}

Cells NamespaceCells(const v1::Object& object, WallTime now) {
  const v1::Namespace& ns = object.namespace_object();
  return {ns.metadata().name(), ns.status().phase(), Age(ns.metadata(), now)};
}

Cells PriorityClassCells(const v1::Object& object, WallTime now) {
  const v1::PriorityClass& priority_class = object.priority_class();
  return {priority_class.metadata().name(), absl::StrCat(priority_class.value()),
          priority_class.global_default() ? "true" : "false", Age(priority_class.metadata(), now),
          priority_class.preemption_policy()};
}

std::string PortsText(const v1::ServiceSpec& spec) {
  Cells ports;
  for (const v1::ServicePort& port : spec.ports()) {
    const std::string node_port = port.node_port() == 0 ? "" : absl::StrCat(":", port.node_port());
    ports.push_back(absl::StrCat(port.port(), node_port, "/", port.protocol()));
  }
  return OrNone(absl::StrJoin(ports, ","));
}

std::string ExternalText(const v1::Service& service) {
  const v1::ServiceSpec& spec = service.spec();
  if (spec.type() == "ExternalName") return OrNone(spec.external_name());
  Cells addresses;
  if (spec.type() == "LoadBalancer") {
    for (const v1::LoadBalancerIngress& ingress : service.status().load_balancer().ingress()) {
      addresses.push_back(ingress.ip().empty() ? ingress.hostname() : ingress.ip());
    }
  }
  addresses.insert(addresses.end(), spec.external_ips().begin(), spec.external_ips().end());
  if (!addresses.empty()) return absl::StrJoin(addresses, ",");
  return spec.type() == "LoadBalancer" ? "<pending>" : "<none>";
}

Cells ServiceCells(const v1::Object& object, WallTime now) {
  const v1::Service& service = object.service();
  return {service.metadata().name(),
          service.spec().type(),
          OrNone(service.spec().cluster_ip()),
          ExternalText(service),
          PortsText(service.spec()),
          Age(service.metadata(), now),
          model::FormatLabels(service.spec().selector())};
}

Cells ServiceAccountCells(const v1::Object& object, WallTime now) {
  const v1::ServiceAccount& account = object.service_account();
  return {account.metadata().name(), absl::StrCat(account.secrets_size()),
          Age(account.metadata(), now)};
}

Layout LayoutOf(model::Kind kind) {
  switch (kind) {
    case model::Kind::kDaemonSet:
      return {{"NAME", "DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE", "NODE SELECTOR",
               "AGE"},
              {"CONTAINERS", "IMAGES", "SELECTOR"},
              DaemonSetCells};
    case model::Kind::kDaemonJob:
      return {kDaemonJobColumns, kDaemonJobWideColumns, [](const v1::Object& object, WallTime now) {
                return DaemonJobCells(object.daemon_job(), now);
              }};
    case model::Kind::kPod:
      return {{"NAME", "READY", "STATUS", "RESTARTS", "AGE"},
              {"IP", "NODE", "NOMINATED NODE", "READINESS GATES"},
              PodCells};
    case model::Kind::kNode:
      return {{"NAME", "STATUS", "ROLES", "AGE", "VERSION"},
              {"INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"},
              NodeCells};
    case model::Kind::kEvent:
      return {{"LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"},
              {"SUBOBJECT", "SOURCE", "FIRST SEEN", "COUNT", "NAME"},
              EventCells};
    case model::Kind::kConfigMap:
      return {{"NAME", "DATA", "AGE"}, {}, ConfigMapCells};
    case model::Kind::kSecret:
      return {{"NAME", "TYPE", "DATA", "AGE"}, {}, SecretCells};
    case model::Kind::kControllerRevision:
      return {{"NAME", "CONTROLLER", "REVISION", "AGE"}, {}, ControllerRevisionCells};
    case model::Kind::kNamespaceObject:
      return {{"NAME", "STATUS", "AGE"}, {}, NamespaceCells};
    case model::Kind::kPriorityClass:
      return {
          {"NAME", "VALUE", "GLOBAL-DEFAULT", "AGE", "PREEMPTIONPOLICY"}, {}, PriorityClassCells};
    case model::Kind::kService:
      return {{"NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"},
              {"SELECTOR"},
              ServiceCells};
    case model::Kind::kServiceAccount:
      return {{"NAME", "SECRETS", "AGE"}, {}, ServiceAccountCells};
    case model::Kind::kEndpoints:
      return {{"NAME", "ENDPOINTS", "AGE"}, {}, [](const v1::Object& object, WallTime now) {
                return EndpointsCells(object.endpoints(), now);
              }};
    case model::Kind::kEndpointSlice:
      return {{"NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"},
              {},
              [](const v1::Object& object, WallTime now) {
                return EndpointSliceCells(object.endpoint_slice(), now);
              }};
    case model::Kind::OBJECT_NOT_SET:
      break;
  }
  MUSTER_CHECK(false);
  return {};  // Not reached; ThreadSanitizer's instrumentation hides that from the compiler.
}

}  // namespace

std::string NodeRoles(const v1::Node& node) {
  constexpr std::string_view kRolePrefix = "node-role.kubernetes.io/";
  std::set<std::string> roles;
  for (const auto& [key, value] : node.metadata().labels()) {
    if (key.starts_with(kRolePrefix) && key.size() > kRolePrefix.size()) {
      roles.insert(key.substr(kRolePrefix.size()));
    } else if (key == "kubernetes.io/role" && !value.empty()) {
      roles.insert(value);
    }
  }
  return OrNone(absl::StrJoin(roles, ","));
}

Table Render(model::Kind kind, absl::Span<const v1::Object> objects, bool wide, WallTime now) {
  const Layout layout = LayoutOf(kind);
  Table table;
  table.columns = layout.columns;
  if (wide) {
    table.columns.insert(table.columns.end(), layout.wide_columns.begin(),
                         layout.wide_columns.end());
  }
  for (const v1::Object& object : objects) {
    MUSTER_CHECK(object.object_case() == kind);
    const v1::ObjectMeta& metadata = model::MetadataOf(object);
    Table::Row row;
    row.cells = layout.cells(object, now);
    row.cells.resize(table.columns.size());
    row.ns = metadata.namespace_();
    row.name = metadata.name();
    row.labels.insert(metadata.labels().begin(), metadata.labels().end());
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace muster::coordinator
