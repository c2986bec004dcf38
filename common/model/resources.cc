#include "common/model/resources.h"

#include <set>

#include "common/model/pod_sum.h"

namespace muster::model {
namespace {

constexpr std::string_view kCpu = "cpu";
constexpr std::string_view kMemory = "memory";

bool MayBeSetForWholePod(std::string_view name) {
  return name == kCpu || name == kMemory || name.starts_with("hugepages-");
}

// Sums what is above zero of cpu and memory; returns the names it found.
std::set<std::string> AddComputeResources(const ResourceMap& resources, ResourceAmounts& sum) {
  std::set<std::string> found;
  for (const auto& [name, amount] : ToAmounts(resources)) {
    if ((name != kCpu && name != kMemory) || amount.sign() <= 0) continue;
    sum[name] += amount;
    found.insert(name);
  }
  return found;
}

}  // namespace

ResourceAmounts ToAmounts(const ResourceMap& resources) {
  ResourceAmounts amounts;
  for (const auto& [name, quantity] : resources) {
    absl::StatusOr<Quantity> amount = Quantity::Parse(quantity.text());
    amounts[name] = amount.ok() ? *amount : Quantity();
  }
  return amounts;
}

bool IsSidecar(const v1::Container& init_container) {
  return init_container.restart_policy() == "Always";
}

ResourceAmounts PodRequests(const v1::PodSpec& pod) {
  ResourceAmounts running = SumOverContainers(
      pod, [](const v1::ResourceRequirements& of) -> const ResourceMap& { return of.requests(); });
  for (const auto& [name, amount] : ToAmounts(pod.resources().requests())) {
    if (MayBeSetForWholePod(name)) running[name] = amount;
  }
  for (const auto& [name, amount] : ToAmounts(pod.overhead())) running[name] += amount;
  return running;
}

std::string_view QosClass(const v1::PodSpec& pod) {
  ResourceAmounts requests;
  ResourceAmounts limits;
  bool all_limited = true;
  auto count = [&](const v1::ResourceRequirements& resources) {
    AddComputeResources(resources.requests(), requests);
    all_limited &= AddComputeResources(resources.limits(), limits).size() == 2;
  };
  if (pod.has_resources()) {
    count(pod.resources());
  } else {
    for (const v1::Container& container : pod.containers()) count(container.resources());
    for (const v1::Container& container : pod.init_containers()) count(container.resources());
  }
  if (requests.empty() && limits.empty()) return "BestEffort";
  return all_limited && requests == limits ? "Guaranteed" : "Burstable";
}

}  // namespace muster::model
