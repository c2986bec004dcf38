#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace muster::agent {

// What a node may run out of, in the order in which it is acted on (kubelet: memory first).
enum class Signal {
  kMemoryAvailable,
  kNodeFsAvailable,
  kNodeFsInodesFree,
  kImageFsAvailable,
  kImageFsInodesFree,
  kPidAvailable,
};

// "memory.available"
std::string_view SignalName(Signal signal);
std::optional<Signal> SignalOf(std::string_view name);
// "MemoryPressure", "DiskPressure" or "PIDPressure".
std::string_view ConditionOf(Signal signal);
bool IsDisk(Signal signal);

// Below which amount a signal is met. Plain value.
struct Threshold {
  Signal signal = Signal::kMemoryAvailable;
  int64_t amount = 0;  // Bytes or pieces, unless:
  double percent = 0;  // Above 0: of the capacity.
  Duration grace{0};   // How long it has to be met before pods go. 0: at once.
  bool operator==(const Threshold&) const = default;

  int64_t AmountOf(int64_t capacity) const;
};

// "100Mi" or "10%". InvalidArgument says what is wrong.
absl::StatusOr<Threshold> ParseThreshold(Signal signal, std::string_view text);

// kubelet's hard thresholds on Linux: memory 100Mi, nodefs 10 % and 5 % of inodes, imagefs 15 % and
// 5 %.
std::vector<Threshold> DefaultThresholds();

struct EvictionLimits {
  std::vector<Threshold> thresholds = DefaultThresholds();
  // How much beyond a threshold has to be there before it is met no more, once something was taken
  // away for it (kubelet's minimum reclaim).
  std::map<Signal, Threshold> reclaim;
  // How long a condition stays after it was last met, lest the node be filled again at once.
  Duration transition{std::chrono::minutes(5)};
  // The most that a pod gets which goes for a threshold with a grace.
  std::chrono::seconds pod_grace_max{0};
  bool operator==(const EvictionLimits&) const = default;
};

struct Reading {
  int64_t capacity = 0, available = 0;
};
using Readings = std::map<Signal, Reading>;  // What cannot be told is not in it.

// A threshold that is met, by what was read.
struct Shortage {
  Threshold threshold;
  Reading reading;
};

// What the node is short of, over time (kubelet's eviction manager). A plain value; decides from
// what it is given.
class PressureMonitor {
 public:
  explicit PressureMonitor(EvictionLimits limits) : limits_(std::move(limits)) {}

  void Observe(const Readings& readings, MonoTime now);

  // True conditions, sorted. A threshold makes its condition true at once, whatever its grace.
  std::vector<std::string> Conditions() const;
  // What pods have to go for now: thresholds met for their grace, the first is acted on first.
  const std::vector<Shortage>& shortages() const { return shortages_; }
  // When something changes by time alone.
  std::optional<MonoTime> NextChange() const { return next_change_; }

 private:
  // What has to be there for the threshold not to be met.
  int64_t EnoughFor(size_t place, int64_t capacity) const;

  EvictionLimits limits_;
  std::map<size_t, MonoTime> met_since_;                // By place among the thresholds.
  std::set<size_t> reclaiming_;                         // Those that pods went for.
  std::map<std::string, MonoTime> condition_last_met_;  // Those that are true.
  std::vector<Shortage> shortages_;
  std::optional<MonoTime> next_change_;
};

}  // namespace muster::agent
