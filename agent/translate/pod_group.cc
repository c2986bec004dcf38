#include "agent/translate/pod_group.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/translate/resources.h"
#include "common/model/pod_sum.h"
#include "common/model/quantity.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

using model::ResourceAmounts;
using model::ResourceMap;

constexpr int64_t kSharesMin = 2;

const ResourceMap& LimitsOf(const v1::ResourceRequirements& of) { return of.limits(); }
const ResourceMap& RequestsOf(const v1::ResourceRequirements& of) { return of.requests(); }

model::Quantity Amount(const ResourceAmounts& amounts, const char* resource) {
  const auto found = amounts.find(resource);
  return found == amounts.end() ? model::Quantity() : found->second;
}

// The pod's overhead counts on top of a limit that there is.
ResourceAmounts WithOverhead(ResourceAmounts limits, const v1::PodSpec& spec) {
  for (const auto& [name, amount] : model::ToAmounts(spec.overhead())) {
    const auto found = limits.find(name);
    if (found != limits.end() && !found->second.IsZero()) found->second += amount;
  }
  return limits;
}

// A container without a limit may use whatever there is, and so may its pod.
bool AllLimited(const v1::PodSpec& spec, const char* resource) {
  const auto limited = [resource](const v1::Container& container) {
    return !Amount(model::ToAmounts(container.resources().limits()), resource).IsZero();
  };
  return std::ranges::all_of(spec.containers(), limited) &&
         std::ranges::all_of(spec.init_containers(), limited);
}

void SetCpuLimit(const model::Quantity& limit, LinuxResources& values) {
  values.cpu_quota_us = CpuQuotaUs(limit.MilliValue());
  if (values.cpu_quota_us > 0) values.cpu_period_us = kCpuPeriodUs;
}

}  // namespace

LinuxResources PodGroupValues(const v1::Pod& pod, const NodeContext& node) {
  const v1::PodSpec& spec = pod.spec();
  const ResourceAmounts limits = WithOverhead(model::SumOverContainers(spec, LimitsOf), spec);
  LinuxResources values;
  values.cpu_shares = kSharesMin;
  if (model::QosClass(spec) != "BestEffort") {
    values.cpu_shares = CpuShares(Amount(model::PodRequests(spec), "cpu").MilliValue());
    if (AllLimited(spec, "cpu")) SetCpuLimit(Amount(limits, "cpu"), values);
    if (AllLimited(spec, "memory")) values.memory_limit_bytes = Amount(limits, "memory").Value();
  }
  for (const std::string& size : node.hugepage_sizes) {
    values.hugepage_limit_bytes[PageSizeName(size)] =
        static_cast<uint64_t>(Amount(limits, absl::StrCat("hugepages-", size).c_str()).Value());
  }
  return values;
}

LinuxResources ContainersTogether(const v1::PodSpec& spec) {
  const ResourceAmounts requests = model::SumOverContainers(spec, RequestsOf);
  const ResourceAmounts limits = model::SumOverContainers(spec, LimitsOf);
  LinuxResources values;
  values.cpu_shares = CpuShares(Amount(requests, "cpu").MilliValue());
  SetCpuLimit(Amount(limits, "cpu"), values);
  values.memory_limit_bytes = Amount(limits, "memory").Value();
  return values;
}

LinuxResources OverheadOf(const v1::PodSpec& spec) {
  if (spec.overhead().empty()) return {};
  const ResourceAmounts overhead = model::ToAmounts(spec.overhead());
  LinuxResources values;
  values.cpu_shares = CpuShares(Amount(overhead, "cpu").MilliValue());
  SetCpuLimit(Amount(overhead, "cpu"), values);
  values.memory_limit_bytes = Amount(overhead, "memory").Value();
  return values;
}

std::map<std::string, LinuxResources> ClassGroupValues(const std::vector<const v1::Pod*>& pods,
                                                       const NodeContext& node) {
  std::map<std::string, LinuxResources> groups;
  if (pods.empty()) return groups;
  int64_t burstable_milli = 0;
  for (const v1::Pod* pod : pods) {
    if (model::QosClass(pod->spec()) != "Burstable") continue;
    burstable_milli += Amount(model::PodRequests(pod->spec()), "cpu").MilliValue();
  }
  groups[ClassGroup("Burstable", node)].cpu_shares = CpuShares(burstable_milli);
  groups[ClassGroup("BestEffort", node)].cpu_shares = kSharesMin;
  const auto cpus = node.allocatable.find("cpu");
  if (cpus != node.allocatable.end()) {
    const auto amount = model::Quantity::Parse(cpus->second.text());
    if (amount.ok()) {
      groups[ClassGroup("Guaranteed", node)].cpu_shares = CpuShares(amount->MilliValue());
    }
  }
  return groups;
}

std::string DescribeGroup(const std::string& path, const LinuxResources& values) {
  std::string text = absl::StrCat(path, " shares=", values.cpu_shares);
  if (values.cpu_quota_us > 0) absl::StrAppend(&text, " quota=", values.cpu_quota_us);
  if (values.memory_limit_bytes > 0) absl::StrAppend(&text, " memory=", values.memory_limit_bytes);
  for (const auto& [size, bytes] : values.hugepage_limit_bytes) {
    absl::StrAppend(&text, " ", size, "=", bytes);
  }
  return text;
}

}  // namespace muster::agent
