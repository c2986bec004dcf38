#include "agent/tunnel/usage.h"

#include <algorithm>
#include <chrono>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace muster::agent {
namespace {

constexpr char kPodUidLabel[] = "io.kubernetes.pod.uid";
constexpr char kContainerLabel[] = "io.kubernetes.container.name";
constexpr uint64_t kNanosInSecond = 1'000'000'000;

std::string LabelOf(const ContainerStatus& container, const char* name) {
  const auto found = container.labels.find(name);
  return found == container.labels.end() ? "" : found->second;
}

std::map<std::string, const ContainerStats*> ById(const std::vector<ContainerStats>& all) {
  std::map<std::string, const ContainerStats*> by_id;
  for (const ContainerStats& stats : all) by_id[stats.id] = &stats;
  return by_id;
}

// The mean use of cores while a counter of nanoseconds went from one value to the other.
std::optional<uint64_t> Rate(uint64_t first, uint64_t second, int64_t window_ns) {
  if (window_ns <= 0 || second < first) return std::nullopt;
  return static_cast<uint64_t>(static_cast<double>(second - first) /
                               static_cast<double>(window_ns) *
                               static_cast<double>(kNanosInSecond));
}

}  // namespace

std::vector<ContainerAmount> ContainersUsage(const std::set<std::string>& pod_uids,
                                             const std::vector<ContainerStatus>& containers,
                                             const std::vector<ContainerStats>& first,
                                             const std::vector<ContainerStats>& second) {
  const auto before = ById(first), now = ById(second);
  std::vector<ContainerAmount> usage;
  for (const ContainerStatus& container : containers) {
    const std::string uid = LabelOf(container, kPodUidLabel);
    if (container.state != ContainerState::kRunning || !pod_uids.contains(uid)) continue;
    ContainerAmount& mine = usage.emplace_back();
    mine.pod_uid = uid;
    mine.container = LabelOf(container, kContainerLabel);
    const auto seen = now.find(container.id);
    if (seen == now.end()) continue;
    mine.amount.memory_bytes = seen->second->memory_working_set_bytes;
    const auto old = before.find(container.id);
    if (old == before.end()) continue;
    mine.amount.cpu_nano_cores = Rate(old->second->cpu_usage_ns, seen->second->cpu_usage_ns,
                                      seen->second->cpu_at_ns - old->second->cpu_at_ns);
  }
  std::ranges::sort(usage, {}, [](const ContainerAmount& each) {
    return std::tie(each.pod_uid, each.container);
  });
  return usage;
}

UsageAmount HostUsage(const std::optional<HostSample>& first,
                      const std::optional<HostSample>& second) {
  UsageAmount amount;
  if (second) amount.memory_bytes = second->working_set_bytes;
  if (first && second) {
    const auto window =
        std::chrono::duration_cast<std::chrono::nanoseconds>(second->at - first->at);
    amount.cpu_nano_cores = Rate(first->cpu_busy_ns, second->cpu_busy_ns, window.count());
  }
  return amount;
}

std::optional<uint64_t> CpuBusyNs(std::string_view proc_stat, int64_t ticks_per_second) {
  // "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guests' time is in the
  // first two already.
  constexpr size_t kIdle = 3, kIowait = 4, kCounted = 8;
  const std::string line(proc_stat.substr(0, proc_stat.find('\n')));
  const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  if (words.size() < 5 || words[0] != "cpu" || ticks_per_second <= 0) return std::nullopt;
  uint64_t busy = 0;
  for (size_t i = 0; i < std::min(words.size() - 1, kCounted); ++i) {
    uint64_t ticks = 0;
    if (!absl::SimpleAtoi(words[i + 1], &ticks)) return std::nullopt;
    if (i != kIdle && i != kIowait) busy += ticks;
  }
  return busy * (kNanosInSecond / static_cast<uint64_t>(ticks_per_second));
}

}  // namespace muster::agent
