#include "coordinator/table/describe_node.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/resources.h"
#include "coordinator/table/age.h"
#include "coordinator/table/describe_sections.h"
#include "coordinator/table/table.h"

namespace muster::coordinator {
namespace {

using model::Quantity;
using model::ResourceAmounts;

std::string TaintText(const v1::Taint& taint) {
  if (taint.effect().empty()) {
    return taint.value().empty() ? taint.key() : absl::StrCat(taint.key(), "=", taint.value(), ":");
  }
  if (taint.value().empty()) return absl::StrCat(taint.key(), ":", taint.effect());
  return absl::StrCat(taint.key(), "=", taint.value(), ":", taint.effect());
}

void DescribeTaints(const v1::Node& node, std::string& out) {
  std::vector<v1::Taint> taints(node.spec().taints().begin(), node.spec().taints().end());
  std::stable_sort(taints.begin(), taints.end(), [](const v1::Taint& a, const v1::Taint& b) {
    return absl::StrCat(a.effect(), ",", a.key()) < absl::StrCat(b.effect(), ",", b.key());
  });
  std::vector<std::string> texts;
  for (const v1::Taint& taint : taints) texts.push_back(TaintText(taint));
  absl::StrAppend(&out, "Taints:\t", texts.empty() ? "<none>" : absl::StrJoin(texts, "\n\t"), "\n");
}

void DescribeConditions(const v1::Node& node, std::string& out) {
  if (node.status().conditions().empty()) return;
  out +=
      "Conditions:\n"
      "  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n"
      "  ----\t------\t-----------------\t------------------\t------\t-------\n";
  for (const v1::NodeCondition& condition : node.status().conditions()) {
    absl::StrAppend(&out, "  ", condition.type(), " \t", condition.status(), " \t",
                    FullTime(condition.last_heartbeat_time()), " \t",
                    FullTime(condition.last_transition_time()), " \t", condition.reason(), " \t",
                    condition.message(), "\n");
  }
}

void DescribeResources(const char* title, const model::ResourceMap& resources, std::string& out) {
  if (resources.empty()) return;
  absl::StrAppend(&out, title, ":\n");
  for (const auto& [name, amount] : model::ToAmounts(resources)) {
    absl::StrAppend(&out, "  ", name, ":\t", amount.ToString(), "\n");
  }
}

void DescribeSystem(const v1::NodeSystemInfo& info, std::string& out) {
  out += "System Info:\n";
  for (const auto& [title, value] :
       {std::pair("Machine ID", info.machine_id()), std::pair("System UUID", info.system_uuid()),
        std::pair("Boot ID", info.boot_id()), std::pair("Kernel Version", info.kernel_version()),
        std::pair("OS Image", info.os_image()),
        std::pair("Operating System", info.operating_system()),
        std::pair("Architecture", info.architecture()),
        std::pair("Container Runtime Version", info.container_runtime_version()),
        std::pair("Kubelet Version", info.kubelet_version())}) {
    absl::StrAppend(&out, "  ", title, ":\t", value, "\n");
  }
}

// The limits of a pod, counted as its requests are.
ResourceAmounts PodLimits(const v1::PodSpec& spec) {
  v1::PodSpec as_requests = spec;
  auto swap = [](v1::Container& container) {
    const model::ResourceMap limits = container.resources().limits();
    *container.mutable_resources()->mutable_requests() = limits;
  };
  for (v1::Container& container : *as_requests.mutable_containers()) swap(container);
  for (v1::Container& container : *as_requests.mutable_init_containers()) swap(container);
  as_requests.clear_resources();
  return model::PodRequests(as_requests);
}

// "250m (12%)" of what the node can give.
std::string Share(const ResourceAmounts& amounts, const std::string& name,
                  const ResourceAmounts& allocatable) {
  const auto found = amounts.find(name);
  const Quantity amount = found == amounts.end() ? Quantity() : found->second;
  const auto total = allocatable.find(name);
  int64_t percent = 0;
  if (total != allocatable.end() && !total->second.IsZero()) {
    percent = static_cast<int64_t>(static_cast<double>(amount.MilliValue()) /
                                   static_cast<double>(total->second.MilliValue()) * 100);
  }
  return absl::StrCat(amount.ToString(), " (", percent, "%)");
}

void Add(const ResourceAmounts& more, ResourceAmounts& sum) {
  for (const auto& [name, amount] : more) sum[name] += amount;
}

void DescribePods(const v1::Node& node, absl::Span<const v1::Object> pods, WallTime now,
                  std::string& out) {
  const v1::NodeStatus& status = node.status();
  const ResourceAmounts allocatable =
      model::ToAmounts(status.allocatable().empty() ? status.capacity() : status.allocatable());
  std::vector<const v1::Pod*> here;
  for (const v1::Object& object : pods) {
    const v1::Pod& pod = object.pod();
    const bool ended = pod.status().phase() == "Succeeded" || pod.status().phase() == "Failed";
    if (pod.spec().node_name() == node.metadata().name() && !ended) here.push_back(&pod);
  }
  absl::StrAppend(&out, "Non-terminated Pods:\t(", here.size(), " in total)\n");
  out +=
      "  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n"
      "  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n";
  ResourceAmounts all_requests;
  ResourceAmounts all_limits;
  for (const v1::Pod* pod : here) {
    const ResourceAmounts requests = model::PodRequests(pod->spec());
    const ResourceAmounts limits = PodLimits(pod->spec());
    Add(requests, all_requests);
    Add(limits, all_limits);
    absl::StrAppend(&out, "  ", pod->metadata().namespace_(), "\t", pod->metadata().name(), "\t\t",
                    Share(requests, "cpu", allocatable), "\t", Share(limits, "cpu", allocatable),
                    "\t", Share(requests, "memory", allocatable), "\t");
    absl::StrAppend(&out, Share(limits, "memory", allocatable), "\t",
                    AgeOf(pod->metadata().creation_timestamp(), now), "\n");
  }
  out +=
      "Allocated resources:\n"
      "  (Total limits may be over 100 percent, i.e., overcommitted.)\n"
      "  Resource\tRequests\tLimits\n"
      "  --------\t--------\t------\n";
  const std::vector<std::string> standard = {"cpu", "memory", "ephemeral-storage"};
  for (const std::string& name : standard) {
    absl::StrAppend(&out, "  ", name, "\t", Share(all_requests, name, allocatable), "\t",
                    Share(all_limits, name, allocatable), "\n");
  }
  for (const auto& [name, amount] : allocatable) {
    if (name == "pods" || std::find(standard.begin(), standard.end(), name) != standard.end()) {
      continue;
    }
    absl::StrAppend(&out, "  ", name, "\t", all_requests[name].ToString(), "\t",
                    all_limits[name].ToString(), "\n");
  }
}

}  // namespace

void DescribeNode(const v1::Node& node, absl::Span<const v1::Object> pods, WallTime now,
                  std::string& out) {
  const v1::ObjectMeta& metadata = node.metadata();
  absl::StrAppend(&out, "Name:\t", metadata.name(), "\n");
  absl::StrAppend(&out, "Roles:\t", NodeRoles(node), "\n");
  DescribeLabels("Labels", metadata.labels(), out);
  DescribeAnnotations("Annotations", metadata.annotations(), out);
  absl::StrAppend(&out, "CreationTimestamp:\t", FullTime(metadata.creation_timestamp()), "\n");
  DescribeTaints(node, out);
  absl::StrAppend(&out, "Unschedulable:\t", node.spec().unschedulable() ? "true" : "false", "\n");
  DescribeConditions(node, out);
  out += "Addresses:\n";
  for (const v1::NodeAddress& address : node.status().addresses()) {
    absl::StrAppend(&out, "  ", address.type(), ":\t", address.address(), "\n");
  }
  DescribeResources("Capacity", node.status().capacity(), out);
  DescribeResources("Allocatable", node.status().allocatable(), out);
  DescribeSystem(node.status().node_info(), out);
  if (!node.spec().pod_cidr().empty()) {
    absl::StrAppend(&out, "PodCIDR:\t", node.spec().pod_cidr(), "\n");
  }
  if (!node.spec().pod_cidrs().empty()) {
    absl::StrAppend(&out, "PodCIDRs:\t", absl::StrJoin(node.spec().pod_cidrs(), ","), "\n");
  }
  if (!node.spec().provider_id().empty()) {
    absl::StrAppend(&out, "ProviderID:\t", node.spec().provider_id(), "\n");
  }
  DescribePods(node, pods, now, out);
}

}  // namespace muster::coordinator
