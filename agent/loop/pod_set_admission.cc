// The part of PodSet that says whether a pod may come up on this node, now or at all, and before
// whom.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/hygiene/eviction.h"
#include "agent/hygiene/node_shutdown.h"
#include "agent/loop/pod_record.h"
#include "agent/loop/pod_set.h"
#include "agent/translate/security.h"
#include "agent/workload/host_ports.h"
#include "agent/workload/host_rules.h"
#include "agent/workload/pod_status.h"
#include "agent/workload/resize.h"
#include "agent/workload/sysctls.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

// Kubernetes' words.
constexpr char kAppArmorReason[] = "AppArmor";
constexpr char kAppArmorMissing[] = "Cannot enforce AppArmor: AppArmor is not enabled on the host";

}  // namespace

// Why a pod that has nothing yet must wait; refuses it when it can never have what it asks for.
std::string PodSet::HoldOf(const Record& record) {
  if (node_.context.node_uid.empty()) return "the coordinator has not named this node yet";
  for (const auto& [uid, other] : records_) {
    if (other.get() == &record || other->gone) continue;
    if (other->name == record.name && other->namespace_ == record.namespace_) {
      return absl::StrCat("the pod of the same name (", uid, ") is not gone yet");
    }
    if (other->pod == nullptr || other->refused ||
        !HostPortsClash(*record.pod, *other->pod, node_.context.leads_host_ports)) {
      continue;
    }
    if (other->IsFinished() && !CurrentSandbox(other->observed)) continue;
    if (other->IsTerminating() || other->IsFinished()) {
      return absl::StrCat("pod ", other->name, " still has its host ports");
    }
    if (other->HasInstances() || other->uid < record.uid) return kNodePortsReason;
  }
  return "";
}

void PodSet::Refuse(Record& record, const std::string& reason, const std::string& message) {
  record.refused = true;
  record.status = MakeRejectedStatus(*record.pod, reason, message, clock_.Wall());
  record.status_final = true;
  Tell(record, {reason, message, true, ""});
}

// What a pod that comes to the node is looked at for, before anything is made for it.
void PodSet::Admit(Record& record) {
  const v1::Pod& pod = *record.pod;
  const auto forbidden =
      record.is_own ? std::nullopt : ForbiddenByHost(pod.spec(), node_.host_rules);
  if (forbidden) {
    Refuse(record, kForbiddenByHostReason, *forbidden);
  } else if (const auto message = ForbiddenSysctl(pod.spec(), node_.context.allowed_sysctls)) {
    Refuse(record, kSysctlForbiddenReason, *message);
  } else if (!node_.context.apparmor && NeedsAppArmor(pod)) {
    Refuse(record, kAppArmorReason, kAppArmorMissing);
  } else if (const auto pressure = RefusedUnderPressure(pod, node_.pressure)) {
    Refuse(record, kEvictedReason, *pressure);
  }
}

// Of a pod that has no sandbox yet: why it waits, or why it is never run.
void PodSet::RefuseUnfit(Record& record, PodIntent& intent) {
  intent.hold = HoldOf(record);
  if (record.HasInstances()) return;
  if (node_.shutting_down && record.observed.in_flight.empty()) {
    Refuse(record, kNodeShutdownReason, kNodeShutdownRefusal);
  } else if (intent.hold == kNodePortsReason) {
    Refuse(record, kNodePortsReason, kNodePortsMessage);
  } else if (!record.admitted) {
    Admit(record);
  }
  if (record.refused) intent = MakeIntent(record);
}

void PodSet::Want(Record& record, std::shared_ptr<const v1::Pod> wanted) {
  if (record.wanted == wanted) return;
  record.wanted = std::move(wanted);
  record.resize_refusal.reset();
  record.unallocated = true;
  // Until it is planned it has what it has, to itself and to others.
  record.pod = record.pod == nullptr || !record.HasInstances()
                   ? record.wanted
                   : std::make_shared<v1::Pod>(WithWhatItHas(*record.wanted, record.observed));
}

// The pod gets the cpu and memory that it is to have, once the node can give them; until then it
// is the pod that it was. What was given once is not taken back, so it is looked at only here.
void PodSet::Allocate(Record& record) {
  if (!std::exchange(record.unallocated, false)) return;
  record.resize_refusal.reset();
  auto has = std::make_shared<v1::Pod>(WithWhatItHas(*record.wanted, record.observed));
  model::ResourceAmounts others, allocatable;
  for (const auto& [uid, other] : records_) {
    if (other.get() == &record || other->pod == nullptr || other->gone || other->refused ||
        other->IsFinished()) {
      continue;
    }
    for (const auto& [name, amount] : model::PodRequests(other->pod->spec())) {
      others[name] += amount;
    }
  }
  for (const char* name : {"cpu", "memory"}) {
    const auto found = node_.context.allocatable.find(name);
    if (found == node_.context.allocatable.end()) continue;
    if (auto amount = model::Quantity::Parse(found->second.text()); amount.ok()) {
      allocatable[name] = *amount;
    }
  }
  if (!record.IsTerminating()) {
    record.resize_refusal = JudgeResize(record.wanted->spec(), has->spec(), others, allocatable);
  }
  if (record.resize_refusal) {
    record.unallocated = true;
    record.pod = std::move(has);
  } else {
    record.pod = record.wanted;
  }
}

bool PodSet::IsDue(Record& record, MonoTime now) const {
  if (record.wake_at && now >= *record.wake_at) record.dirty = true;
  return record.dirty && view_.AbsorbedBy(record.uid) >= std::max<uint64_t>(1, record.after_list);
}

std::vector<PodSet::Record*> PodSet::DueByPriority(MonoTime now) {
  std::vector<Record*> due;
  for (const auto& [uid, record] : records_) {
    if (IsDue(*record, now)) due.push_back(record.get());
  }
  // What is to go, and has no specification any more, holds nobody up.
  const auto priority = [](const Record* record) {
    return record->pod != nullptr ? record->pod->spec().priority() : 0;
  };
  std::ranges::stable_sort(due, std::ranges::greater(), priority);
  return due;
}

}  // namespace muster::agent
