#include "coordinator/session/status_merge.h"

#include <algorithm>

#include "absl/time/time.h"
#include "common/model/time_text.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/util/message_differencer.h"

namespace muster::coordinator {
namespace {

using google::protobuf::RepeatedPtrField;
using google::protobuf::util::MessageDifferencer;

template <typename Condition>
Condition* FindCondition(RepeatedPtrField<Condition>& conditions, const std::string& type) {
  auto it = std::find_if(conditions.begin(), conditions.end(),
                         [&](const Condition& condition) { return condition.type() == type; });
  return it == conditions.end() ? nullptr : &*it;
}

// `stored` in its order with the reported conditions in it, new types behind.
template <typename Condition>
RepeatedPtrField<Condition> MergeConditions(RepeatedPtrField<Condition> stored,
                                            const RepeatedPtrField<Condition>& reported,
                                            const v1::Time& now) {
  for (const Condition& report : reported) {
    Condition* condition = FindCondition(stored, report.type());
    const bool same = condition != nullptr && condition->status() == report.status() &&
                      condition->has_last_transition_time();
    const v1::Time since = same                                ? condition->last_transition_time()
                           : report.has_last_transition_time() ? report.last_transition_time()
                                                               : now;
    if (condition == nullptr) condition = stored.Add();
    *condition = report;
    *condition->mutable_last_transition_time() = since;
  }
  return stored;
}

// The agent's own, and over when it says nothing of it any more.
bool IsOver(const v1::PodCondition& condition, const v1::PodStatus& reported) {
  return (condition.type() == "PodResizeInProgress" || condition.type() == "PodResizePending") &&
         std::none_of(reported.conditions().begin(), reported.conditions().end(),
                      [&](const v1::PodCondition& c) { return c.type() == condition.type(); });
}

// A pod that went with its host runs again when that is back: the one way out of a final phase.
bool IsFinal(const v1::PodStatus& status) {
  const bool went_with_host = status.reason() == "Terminated" || status.reason() == "NodeShutdown";
  return status.phase() == "Succeeded" || (status.phase() == "Failed" && !went_with_host);
}

void FillLabel(v1::ObjectMeta& metadata, const std::string& key, const std::string& value) {
  if (!value.empty()) metadata.mutable_labels()->insert({key, value});
}

}  // namespace

v1::PodStatus MergePodStatus(const v1::PodStatus& stored, const v1::PodStatus& reported,
                             WallTime now) {
  v1::PodStatus merged = reported;
  *merged.mutable_conditions() = MergeConditions(stored.conditions(), reported.conditions(),
                                                 model::ToTime(absl::FromChrono(now)));
  auto& conditions = *merged.mutable_conditions();
  conditions.erase(std::remove_if(conditions.begin(), conditions.end(),
                                  [&](const v1::PodCondition& c) { return IsOver(c, reported); }),
                   conditions.end());
  if (IsFinal(stored) && reported.phase() != stored.phase()) {
    merged.set_phase(stored.phase());
    merged.set_reason(stored.reason());
    merged.set_message(stored.message());
  }
  if (merged.qos_class().empty()) merged.set_qos_class(stored.qos_class());
  if (merged.nominated_node_name().empty()) {
    merged.set_nominated_node_name(stored.nominated_node_name());
  }
  if (!merged.has_pre_pull() && stored.has_pre_pull()) {
    *merged.mutable_pre_pull() = stored.pre_pull();
  }
  if (!merged.has_start_time() && stored.has_start_time()) {
    *merged.mutable_start_time() = stored.start_time();
  }
  if (merged.host_ip().empty() && merged.host_ips().empty()) {
    merged.set_host_ip(stored.host_ip());
    *merged.mutable_host_ips() = stored.host_ips();
  }
  return merged;
}

std::optional<v1::Node> MergeNodeStatus(const v1::Node& stored, const v1::NodeStatus& reported,
                                        WallTime now) {
  const v1::Time time = model::ToTime(absl::FromChrono(now));
  v1::Node merged = stored;
  v1::NodeStatus& status = *merged.mutable_status();
  status = reported;
  *status.mutable_conditions() =
      MergeConditions(stored.status().conditions(), reported.conditions(), time);
  if (status.phase().empty()) status.set_phase(stored.status().phase());
  // Many, and nearly always the same: told only when they are others than before.
  if (status.images().empty()) *status.mutable_images() = stored.status().images();

  v1::ObjectMeta& metadata = *merged.mutable_metadata();
  FillLabel(metadata, "kubernetes.io/hostname", metadata.name());
  FillLabel(metadata, "kubernetes.io/os", status.node_info().operating_system());
  FillLabel(metadata, "kubernetes.io/arch", status.node_info().architecture());

  // Compared as if no time had passed, written with the time.
  for (v1::NodeCondition& condition : *status.mutable_conditions()) {
    condition.clear_last_heartbeat_time();
    for (const v1::NodeCondition& old : stored.status().conditions()) {
      if (old.type() == condition.type() && old.has_last_heartbeat_time()) {
        *condition.mutable_last_heartbeat_time() = old.last_heartbeat_time();
      }
    }
  }
  if (MessageDifferencer::Equals(merged, stored)) return std::nullopt;
  for (v1::NodeCondition& condition : *status.mutable_conditions()) {
    const bool is_reported =
        std::any_of(reported.conditions().begin(), reported.conditions().end(),
                    [&](const v1::NodeCondition& c) { return c.type() == condition.type(); });
    if (is_reported) *condition.mutable_last_heartbeat_time() = time;
  }
  return merged;
}

}  // namespace muster::coordinator
