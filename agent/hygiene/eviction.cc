#include "agent/hygiene/eviction.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/quantity.h"
#include "common/model/resources.h"
#include "common/model/taints.h"

namespace muster::agent {
namespace {

using model::Quantity;

constexpr int32_t kSystemCritical = 2'000'000'000;
constexpr char kEphemeralStorage[] = "ephemeral-storage";

std::string Bytes(int64_t bytes) {
  return Quantity::FromUnits(bytes, Quantity::Family::kBinary).ToString();
}

// What the message calls it.
std::string ResourceOf(Signal signal) {
  switch (signal) {
    case Signal::kMemoryAvailable:
      return "memory";
    case Signal::kNodeFsAvailable:
    case Signal::kImageFsAvailable:
      return kEphemeralStorage;
    case Signal::kNodeFsInodesFree:
    case Signal::kImageFsInodesFree:
      return "inodes";
    case Signal::kPidAvailable:
      return "pids";
  }
  return "";
}

int64_t AmountIn(const model::ResourceMap& resources, const std::string& name) {
  const auto found = resources.find(name);
  if (found == resources.end()) return 0;
  const absl::StatusOr<Quantity> amount = Quantity::Parse(found->second.text());
  return amount.ok() ? amount->Value() : 0;
}

int64_t RequestOf(const v1::Pod& pod, const std::string& resource) {
  const model::ResourceAmounts requests = model::PodRequests(pod.spec());
  const auto found = requests.find(resource);
  return found == requests.end() ? 0 : found->second.Value();
}

std::optional<int64_t> MemoryOf(const PodUsage& pod) {
  std::optional<int64_t> sum;
  for (const auto& [name, usage] : pod.containers) {
    if (usage.memory) sum = sum.value_or(0) + *usage.memory;
  }
  return sum;
}

int64_t DiskOf(const PodUsage& pod, bool layers, bool rest) {
  int64_t sum = 0;
  for (const auto& [name, usage] : pod.containers) {
    if (layers) sum += usage.writable_layer;
    if (rest) sum += usage.logs;
  }
  for (const auto& [volume, bytes] : pod.empty_dirs) {
    if (rest) sum += bytes;
  }
  return sum;
}

// Of what the signal is about; none: it is not known.
std::optional<int64_t> UsageOf(const PodUsage& pod, Signal signal, bool split_disks) {
  switch (signal) {
    case Signal::kMemoryAvailable:
      return MemoryOf(pod);
    case Signal::kNodeFsAvailable:
      return DiskOf(pod, !split_disks, true);
    case Signal::kImageFsAvailable:
      return DiskOf(pod, true, !split_disks);
    case Signal::kNodeFsInodesFree:
    case Signal::kImageFsInodesFree:
      return pod.inodes;
    case Signal::kPidAvailable:
      return pod.pids;
  }
  return std::nullopt;
}

// Every container that can have run beside the others.
std::vector<const v1::Container*> ContainersOf(const v1::PodSpec& spec) {
  std::vector<const v1::Container*> all;
  for (const v1::Container& init : spec.init_containers()) {
    if (model::IsSidecar(init)) all.push_back(&init);
  }
  for (const v1::Container& container : spec.containers()) all.push_back(&container);
  return all;
}

}  // namespace

bool IsCritical(const v1::Pod& pod) {
  if (pod.spec().priority() >= kSystemCritical) return true;
  const auto source = pod.metadata().annotations().find("kubernetes.io/config.source");
  return source != pod.metadata().annotations().end() && source->second != "api";
}

std::vector<const PodUsage*> RankForEviction(const std::vector<PodUsage>& pods,
                                             const Shortage& shortage, bool split_disks) {
  const Signal signal = shortage.threshold.signal;
  struct Rank {
    bool unknown = false, exceeds = false;
    int64_t priority = 0, excess = 0;
    const PodUsage* pod = nullptr;
  };
  std::vector<Rank> ranks;
  for (const PodUsage& pod : pods) {
    if (IsCritical(*pod.pod)) continue;
    const std::optional<int64_t> usage = UsageOf(pod, signal, split_disks);
    Rank rank{.unknown = !usage, .priority = pod.pod->spec().priority(), .pod = &pod};
    // Nobody asks for process ids.
    const int64_t request = RequestOf(*pod.pod, ResourceOf(signal));
    rank.excess = usage.value_or(0) - request;
    rank.exceeds = signal != Signal::kPidAvailable && rank.excess > 0;
    ranks.push_back(rank);
  }
  std::ranges::sort(ranks, [](const Rank& a, const Rank& b) {
    const auto key = [](const Rank& rank) {
      return std::tuple(!rank.unknown, !rank.exceeds, rank.priority, -rank.excess);
    };
    return std::tuple_cat(key(a), std::tie(a.pod->uid)) <
           std::tuple_cat(key(b), std::tie(b.pod->uid));
  });
  std::vector<const PodUsage*> result;
  for (const Rank& rank : ranks) result.push_back(rank.pod);
  return result;
}

Eviction MakeEviction(const PodUsage& pod, const Shortage& shortage,
                      std::chrono::seconds grace_max) {
  const Signal signal = shortage.threshold.signal;
  const std::string resource = ResourceOf(signal);
  const bool in_bytes = resource == "memory" || resource == kEphemeralStorage;
  const auto text = [in_bytes](int64_t amount) {
    return in_bytes ? Bytes(amount) : absl::StrCat(amount);
  };
  Eviction eviction;
  eviction.message = absl::StrCat(
      "The node was low on resource: ", resource,
      ". Threshold quantity: ", text(shortage.threshold.AmountOf(shortage.reading.capacity)),
      ", available: ", text(shortage.reading.available), ". ");
  for (const v1::Container* container : ContainersOf(pod.pod->spec())) {
    const auto usage = pod.containers.find(container->name());
    if (!in_bytes || usage == pod.containers.end()) continue;
    const int64_t used = resource == "memory" ? usage->second.memory.value_or(0)
                                              : usage->second.writable_layer + usage->second.logs;
    const auto& requests = container->resources().requests();
    if (used <= AmountIn(requests, resource)) continue;
    const auto asked = requests.find(resource);
    absl::StrAppend(&eviction.message, "Container ", container->name(), " was using ", Bytes(used),
                    ", request is ", asked == requests.end() ? "0" : asked->second.text(),
                    ", has larger consumption of ", resource, ". ");
  }
  if (shortage.threshold.grace > Duration::zero()) {
    const v1::PodSpec& spec = pod.pod->spec();
    const std::chrono::seconds own(
        spec.has_termination_grace_period_seconds() ? spec.termination_grace_period_seconds() : 30);
    eviction.grace = std::max(std::min(own, grace_max), std::chrono::seconds(1));
  }
  return eviction;
}

bool LimitsItsDisk(const v1::Pod& pod) {
  const v1::PodSpec& spec = pod.spec();
  return std::ranges::any_of(spec.volumes(),
                             [](const v1::Volume& volume) {
                               return volume.empty_dir().has_size_limit() &&
                                      volume.empty_dir().medium() != "Memory";
                             }) ||
         std::ranges::any_of(ContainersOf(spec), [](const v1::Container* container) {
           return container->resources().limits().contains(kEphemeralStorage);
         });
}

std::optional<Eviction> ExceedsOwnLimits(const PodUsage& usage) {
  const v1::PodSpec& spec = usage.pod->spec();
  for (const v1::Volume& volume : spec.volumes()) {
    const v1::EmptyDirVolumeSource& directory = volume.empty_dir();
    const auto used = usage.empty_dirs.find(volume.name());
    if (!directory.has_size_limit() || used == usage.empty_dirs.end()) continue;
    const absl::StatusOr<Quantity> limit = Quantity::Parse(directory.size_limit().text());
    if (limit.ok() && limit->sign() > 0 && used->second > limit->Value()) {
      return Eviction{absl::StrCat("Usage of EmptyDir volume \"", volume.name(),
                                   "\" exceeds the limit \"", directory.size_limit().text(),
                                   "\". ")};
    }
  }
  // As Kubernetes sums them up: containers without a limit add nothing to it.
  Quantity pod_limit;
  for (const v1::Container* container : ContainersOf(spec)) {
    const auto& limits = container->resources().limits();
    const auto found = limits.find(kEphemeralStorage);
    if (found == limits.end()) continue;
    const absl::StatusOr<Quantity> limit = Quantity::Parse(found->second.text());
    if (!limit.ok()) continue;
    pod_limit += *limit;
    const auto used = usage.containers.find(container->name());
    if (used != usage.containers.end() && limit->sign() > 0 &&
        used->second.writable_layer + used->second.logs > limit->Value()) {
      return Eviction{absl::StrCat("Container ", container->name(),
                                   " exceeded its local ephemeral storage limit \"",
                                   found->second.text(), "\". ")};
    }
  }
  if (pod_limit.sign() > 0 && DiskOf(usage, true, true) > pod_limit.Value()) {
    return Eviction{
        absl::StrCat("Pod ephemeral local storage usage exceeds the total limit of containers ",
                     pod_limit.ToString(), ". ")};
  }
  return std::nullopt;
}

std::optional<std::string> RefusedUnderPressure(const v1::Pod& pod,
                                                const std::vector<std::string>& conditions) {
  if (conditions.empty() || IsCritical(pod)) return std::nullopt;
  if (conditions == std::vector<std::string>{"MemoryPressure"}) {
    if (model::QosClass(pod.spec()) != "BestEffort") return std::nullopt;
    v1::Taint taint;
    taint.set_key(std::string(model::kMemoryPressureTaint));
    taint.set_effect(std::string(model::kNoSchedule));
    for (const v1::Toleration& toleration : pod.spec().tolerations()) {
      if (model::Tolerates(toleration, taint)) return std::nullopt;
    }
  }
  return absl::StrCat("The node had condition: [", absl::StrJoin(conditions, " "), "]. ");
}

}  // namespace muster::agent
