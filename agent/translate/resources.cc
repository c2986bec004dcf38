#include "agent/translate/resources.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/macros.h"
#include "common/model/quantity.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

using Amounts = google::protobuf::Map<std::string, v1::Quantity>;

absl::StatusOr<std::optional<model::Quantity>> Find(const Amounts& amounts,
                                                    const std::string& resource) {
  const auto found = amounts.find(resource);
  if (found == amounts.end()) return std::nullopt;
  return model::Quantity::Parse(found->second.text());
}

// Kubernetes' table: what must never be killed is -997, what asked for nothing goes first, and the
// rest by how little of the node's memory it asked for.
int64_t OomScore(const v1::Pod& pod, int64_t memory_request, const NodeContext& node) {
  const std::string_view qos = model::QosClass(pod.spec());
  int64_t score = 1000;
  if (pod.spec().priority_class_name() == "system-node-critical" || qos == "Guaranteed") {
    score = -997;
  } else if (qos == "Burstable" && node.memory_capacity_bytes > 0) {
    // Divided first where the product could overflow.
    const int64_t share = memory_request < INT64_MAX / 1000
                              ? 1000 * memory_request / node.memory_capacity_bytes
                              : 1000 * (memory_request / node.memory_capacity_bytes);
    score = std::clamp<int64_t>(1000 - share, 3, 999);
  }
  return node.may_lower_oom_score ? score : std::max<int64_t>(score, 0);
}

// Of the regular containers. A sidecar is needed by all of them, so it is never killed before.
absl::StatusOr<int64_t> SmallestMemoryRequest(const v1::PodSpec& spec) {
  int64_t smallest = INT64_MAX;
  for (const v1::Container& container : spec.containers()) {
    MUSTER_ASSIGN_OR_RETURN(auto request, Find(container.resources().requests(), "memory"));
    if (!request) {
      MUSTER_ASSIGN_OR_RETURN(request, Find(container.resources().limits(), "memory"));
    }
    smallest = std::min(smallest, request.value_or(model::Quantity()).Value());
  }
  return smallest == INT64_MAX ? 0 : smallest;
}

}  // namespace

std::string PageSizeName(std::string_view suffix) {
  std::string name(suffix);
  if (!name.empty() && name.back() == 'i') name.back() = 'B';
  return name;
}

int64_t CpuShares(int64_t milli_cpu) {
  return std::clamp<int64_t>(milli_cpu * 1024 / 1000, 2, 262144);
}

int64_t CpuQuotaUs(int64_t milli_cpu) {
  return milli_cpu == 0 ? 0 : std::max<int64_t>(milli_cpu * kCpuPeriodUs / 1000, 1000);
}

absl::StatusOr<LinuxResources> MakeResources(const v1::Pod& pod, const v1::Container& container,
                                             const NodeContext& node) {
  const Amounts& limits = container.resources().limits();
  const Amounts& requests = container.resources().requests();
  MUSTER_ASSIGN_OR_RETURN(const auto cpu_limit, Find(limits, "cpu"));
  MUSTER_ASSIGN_OR_RETURN(const auto cpu_request, Find(requests, "cpu"));
  MUSTER_ASSIGN_OR_RETURN(const auto memory_limit, Find(limits, "memory"));
  MUSTER_ASSIGN_OR_RETURN(const auto memory_request, Find(requests, "memory"));
  const model::Quantity none;
  LinuxResources result;
  result.cpu_shares = CpuShares(cpu_request.value_or(cpu_limit.value_or(none)).MilliValue());
  result.cpu_period_us = kCpuPeriodUs;
  result.cpu_quota_us = CpuQuotaUs(cpu_limit.value_or(none).MilliValue());
  result.memory_limit_bytes = memory_limit.value_or(none).Value();
  int64_t protection = memory_request.value_or(memory_limit.value_or(none)).Value();
  if (model::IsSidecar(container)) {
    MUSTER_ASSIGN_OR_RETURN(const int64_t smallest, SmallestMemoryRequest(pod.spec()));
    protection = std::max(protection, smallest);
  }
  result.oom_score_adj = OomScore(pod, protection, node);
  // No swap: what a container may use is what was asked for. It needs the kernel to count swap.
  if (node.swap_accounting) result.memory_swap_limit_bytes = result.memory_limit_bytes;
  // Kubernetes: a container with a part missing is worse than one that is restarted whole.
  if (node.cgroup_v2) result.unified["memory.oom.group"] = "1";
  for (const std::string& size : node.hugepage_sizes) {
    result.hugepage_limit_bytes[PageSizeName(size)] = 0;
  }
  constexpr std::string_view kHugepages = "hugepages-";
  for (const auto& [resource, amount] : limits) {
    if (resource.compare(0, kHugepages.size(), kHugepages) != 0) continue;
    MUSTER_ASSIGN_OR_RETURN(const model::Quantity bytes, model::Quantity::Parse(amount.text()));
    result.hugepage_limit_bytes[PageSizeName(resource.substr(kHugepages.size()))] =
        static_cast<uint64_t>(bytes.Value());
  }
  return result;
}

LinuxResources CpuAndMemoryOf(const LinuxResources& all) {
  LinuxResources part;
  part.cpu_period_us = all.cpu_period_us;
  part.cpu_quota_us = all.cpu_quota_us;
  part.cpu_shares = all.cpu_shares;
  part.memory_limit_bytes = all.memory_limit_bytes;
  part.memory_swap_limit_bytes = all.memory_swap_limit_bytes;
  return part;
}

std::string ClassGroup(std::string_view qos, const NodeContext& node) {
  const std::string tier = qos == "Guaranteed"  ? ""
                           : qos == "Burstable" ? "burstable"
                                                : "besteffort";
  if (!node.systemd_cgroups) {
    return absl::StrCat(node.cgroup_root, tier.empty() ? "" : "/", tier);
  }
  const std::string root = node.cgroup_root.substr(node.cgroup_root.rfind('/') + 1);
  return absl::StrCat(root, tier.empty() ? "" : "-", tier, ".slice");
}

std::string PodGroup(std::string_view qos, const std::string& uid, const NodeContext& node) {
  const std::string above = ClassGroup(qos, node);
  if (!node.systemd_cgroups) return absl::StrCat(above, "/pod", uid);
  constexpr std::string_view kSlice = ".slice";
  return absl::StrCat(above.substr(0, above.size() - kSlice.size()), "-pod",
                      absl::StrReplaceAll(uid, {{"-", "_"}}), std::string(kSlice));
}

std::string CgroupParent(const v1::Pod& pod, const NodeContext& node) {
  return PodGroup(model::QosClass(pod.spec()), pod.metadata().uid(), node);
}

}  // namespace muster::agent
