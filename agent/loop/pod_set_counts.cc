// The part of PodSet that tells others on this host how many pods are ready, and which are not.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/loop/pod_record.h"
#include "agent/loop/pod_set.h"
#include "agent/workload/pod_status.h"

namespace muster::agent {
namespace {

bool IsGate(const v1::Pod& pod) {
  const auto& annotations = pod.metadata().annotations();
  const auto found = annotations.find(std::string(kGateAnnotation));
  return found != annotations.end() && found->second == "true";
}

}  // namespace

PodSet::Counts PodSet::Count() const {
  Counts counts;
  for (const auto& [uid, record] : records_) {
    if (!record->desired) continue;
    ++counts.pods;
    if (record->status && IsReady(*record->status)) ++counts.ready;
  }
  return counts;
}

std::vector<const v1::Pod*> PodSet::GroupedPods() const {
  std::vector<const v1::Pod*> pods;
  for (const auto& [uid, record] : records_) {
    if (record->pod == nullptr || record->refused || record->gone || record->status_final) continue;
    pods.push_back(record->pod.get());
  }
  return pods;
}

std::optional<std::vector<std::string>> PodSet::GateWaits() const {
  if (assignment_ == nullptr || !assignment_->complete()) return std::nullopt;
  std::vector<std::string> waits;
  for (const auto& [uid, record] : records_) {
    if (!record->desired || record->pod == nullptr || !IsGate(*record->pod)) continue;
    const bool open =
        record->status && (IsReady(*record->status) || record->status->phase() == "Succeeded");
    if (!open) waits.push_back(absl::StrCat(record->namespace_, "/", record->name));
  }
  std::ranges::sort(waits);
  return waits;
}

}  // namespace muster::agent
