#include "agent/hygiene/pressure.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/model/quantity.h"

namespace muster::agent {
namespace {

struct SignalInfo {
  Signal signal;
  std::string_view name, condition;
};
constexpr SignalInfo kSignals[] = {
    {Signal::kMemoryAvailable, "memory.available", "MemoryPressure"},
    {Signal::kNodeFsAvailable, "nodefs.available", "DiskPressure"},
    {Signal::kNodeFsInodesFree, "nodefs.inodesFree", "DiskPressure"},
    {Signal::kImageFsAvailable, "imagefs.available", "DiskPressure"},
    {Signal::kImageFsInodesFree, "imagefs.inodesFree", "DiskPressure"},
    {Signal::kPidAvailable, "pid.available", "PIDPressure"},
};

const SignalInfo& InfoOf(Signal signal) {
  return *std::ranges::find(kSignals, signal, &SignalInfo::signal);
}

void Earlier(MonoTime at, std::optional<MonoTime>& next) {
  if (!next || at < *next) next = at;
}

}  // namespace

std::string_view SignalName(Signal signal) { return InfoOf(signal).name; }
std::string_view ConditionOf(Signal signal) { return InfoOf(signal).condition; }
bool IsDisk(Signal signal) { return ConditionOf(signal) == "DiskPressure"; }

std::optional<Signal> SignalOf(std::string_view name) {
  const auto* found = std::ranges::find(kSignals, name, &SignalInfo::name);
  return found == std::end(kSignals) ? std::nullopt : std::optional(found->signal);
}

int64_t Threshold::AmountOf(int64_t capacity) const {
  if (percent <= 0) return amount;
  return static_cast<int64_t>(static_cast<double>(capacity) * percent / 100);
}

absl::StatusOr<Threshold> ParseThreshold(Signal signal, std::string_view text) {
  Threshold threshold{.signal = signal};
  if (text.ends_with('%')) {
    const std::string number(text.substr(0, text.size() - 1));
    if (!absl::SimpleAtod(number, &threshold.percent) || !(threshold.percent > 0) ||
        threshold.percent >= 100) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", std::string(text), "\" is not between 0% and 100%"));
    }
    return threshold;
  }
  const absl::StatusOr<model::Quantity> quantity = model::Quantity::Parse(text);
  if (!quantity.ok() || quantity->sign() <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(text), "\" is no amount such as 100Mi or 10%"));
  }
  threshold.amount = quantity->Value();
  return threshold;
}

std::vector<Threshold> DefaultThresholds() {
  return {{.signal = Signal::kMemoryAvailable, .amount = int64_t{100} << 20},
          {.signal = Signal::kNodeFsAvailable, .percent = 10},
          {.signal = Signal::kNodeFsInodesFree, .percent = 5},
          {.signal = Signal::kImageFsAvailable, .percent = 15},
          {.signal = Signal::kImageFsInodesFree, .percent = 5}};
}

// What is reclaimed only just up to the threshold would be missing again at once.
int64_t PressureMonitor::EnoughFor(size_t place, int64_t capacity) const {
  const Threshold& threshold = limits_.thresholds[place];
  const auto more = limits_.reclaim.find(threshold.signal);
  const bool owed = reclaiming_.contains(place) && more != limits_.reclaim.end();
  return threshold.AmountOf(capacity) + (owed ? more->second.AmountOf(capacity) : 0);
}

void PressureMonitor::Observe(const Readings& readings, MonoTime now) {
  shortages_.clear();
  next_change_.reset();
  const auto ago = [](Duration duration) {
    return std::chrono::duration_cast<MonoTime::duration>(duration);
  };
  for (size_t i = 0; i < limits_.thresholds.size(); ++i) {
    const Threshold& threshold = limits_.thresholds[i];
    const auto reading = readings.find(threshold.signal);
    // What cannot be read says nothing new.
    if (reading == readings.end() || reading->second.capacity <= 0) continue;
    if (reading->second.available >= EnoughFor(i, reading->second.capacity)) {
      met_since_.erase(i);
      reclaiming_.erase(i);
      continue;
    }
    const MonoTime since = met_since_.try_emplace(i, now).first->second;
    condition_last_met_[std::string(ConditionOf(threshold.signal))] = now;
    if (now - since >= threshold.grace) {
      reclaiming_.insert(i);
      shortages_.push_back({threshold, reading->second});
    } else {
      Earlier(since + ago(threshold.grace), next_change_);
    }
  }
  std::erase_if(condition_last_met_, [&](const auto& entry) {
    if (now - entry.second >= limits_.transition && now != entry.second) return true;
    if (now != entry.second) Earlier(entry.second + ago(limits_.transition), next_change_);
    return false;
  });
  std::ranges::stable_sort(shortages_, [](const Shortage& a, const Shortage& b) {
    return a.threshold.signal < b.threshold.signal;
  });
}

std::vector<std::string> PressureMonitor::Conditions() const {
  std::vector<std::string> conditions;
  for (const auto& [condition, last_met] : condition_last_met_) conditions.push_back(condition);
  return conditions;
}

}  // namespace muster::agent
