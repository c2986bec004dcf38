// How ControllerLoop finds room for pods, makes it, and takes it away.

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "common/daemon/log_fields.h"
#include "common/model/kinds.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/nodes/eviction.h"
#include "coordinator/nodes/pod_removal.h"
#include "coordinator/placement/node_choice.h"
#include "coordinator/placement/preemption.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr char kScheduler[] = "default-scheduler";

std::string NameOf(const v1::Object& pod) {
  const v1::ObjectMeta& meta = model::MetadataOf(pod);
  return absl::StrCat(meta.namespace_(), "/", meta.name());
}

// What keeps a pod from the one node where it belongs.
std::vector<std::string> MisfitsOn(const v1::PodSpec& spec, const PodFootprint& footprint,
                                   const v1::Node& node, const NodeLoad& load) {
  if (std::string hindrance = Hindrance(spec, node); !hindrance.empty()) return {hindrance};
  return Misfits(footprint, node.status().allocatable(), load);
}

// Whose lives would be disturbed the least: that of the lowest priority, then the fewest.
std::tuple<int32_t, size_t> CostOf(const std::vector<std::string>& victims,
                                   const NodeLoads& loads) {
  int32_t highest = std::numeric_limits<int32_t>::min();
  for (const std::string& victim : victims) {
    highest = std::max(highest, loads.Find(victim)->priority);
  }
  return {highest, victims.size()};
}

}  // namespace

void ControllerLoop::BindNew(const v1::Node& node, const Moment& now, v1::Object& pod,
                             ObjectTransaction& transaction) {
  const v1::PodSpec& spec = pod.pod().spec();
  const std::vector<std::string> misfits =
      MisfitsOn(spec, FootprintOf(pod.pod()), node,
                loads_.LoadFor(node.metadata().name(), spec.priority(), NameOf(pod)));
  if (misfits.empty()) {
    Bind(node.metadata().name(), now.wall, *pod.mutable_pod());
  } else {
    SetUnschedulable(UnschedulableMessage(misfits, NodeCount()), now.wall, *pod.mutable_pod());
  }
  Tell(pod, misfits, now, transaction);
}

void ControllerLoop::Tell(const v1::Object& pod, const std::vector<std::string>& misfits,
                          const Moment& now, ObjectTransaction& transaction) {
  const std::string& node = pod.pod().spec().node_name();
  if (!node.empty()) {
    return recorder_.Add(pod,
                         {false, kScheduler, "Scheduled",
                          absl::StrCat("Successfully assigned ", NameOf(pod), " to ", node)},
                         now.wall, transaction);
  }
  for (const v1::PodCondition& condition : pod.pod().status().conditions()) {
    if (condition.type() != "PodScheduled") continue;
    recorder_.Add(pod, {true, kScheduler, "FailedScheduling", condition.message()}, now.wall,
                  transaction);
  }
  const v1::OwnerReference* owner = ControllerOf(model::MetadataOf(pod));
  if (misfits.empty() || owner == nullptr) return;
  const auto live = live_owners_.find(owner->uid());
  if (live == live_owners_.end()) return;
  recorder_.Add(daemon_sets_.at(live->second).object(),
                {true, "daemonset-controller", "FailedPlacement",
                 absl::StrCat("failed to place pod on \"", TargetNode(pod.pod().spec()),
                              "\": ", absl::StrJoin(misfits, ", "))},
                now.wall, transaction);
}

void ControllerLoop::Settle(const v1::Object& before, v1::Object pod,
                            const std::vector<std::string>& misfits, const Moment& now,
                            ObjectTransaction& transaction) {
  // A pod that still does not fit is news only when the reason is another.
  if (EncodeObject(pod) == EncodeObject(before)) return;
  const auto reason = [](const v1::Object& object) {
    for (const v1::PodCondition& condition : object.pod().status().conditions()) {
      if (condition.type() == "PodScheduled") return condition.status() + condition.message();
    }
    return std::string();
  };
  if (reason(pod) != reason(before)) Tell(pod, misfits, now, transaction);
  transaction.Update(std::move(pod));
}

void ControllerLoop::BindWaiting(const Moment& now) {
  CommitBatch batch = NewBatch();
  for (const std::string& name : loads_.TakeChanged()) {
    const v1::Node* node = FindNode(name);
    const std::vector<std::string> waiting = loads_.WaitingFor(name);
    if (node == nullptr || waiting.empty()) continue;
    const auto done = [this, name](const absl::Status& status) {
      if (!status.ok()) loads_.Touch(name);
      Retry(status, "binding pods");
    };
    ObjectTransaction transaction;
    const absl::Status status = BindOn(*node, waiting, now, transaction);
    if (status.ok()) {
      batch.Add(std::move(transaction), done);
    } else {
      done(status);
    }
  }
  batch.Flush();
}

absl::Status ControllerLoop::BindOn(const v1::Node& node, const std::vector<std::string>& waiting,
                                    const Moment& now, ObjectTransaction& transaction) {
  const std::string& name = node.metadata().name();
  NodeLoad load = loads_.LoadOf(name);
  std::vector<PodOnNode> there = loads_.PodsOn(name);
  // The highest priority first, so that what is held for a pod is held against those below it.
  for (const std::string& key : waiting) {
    const LoadedPod& loaded = *loads_.Find(key);
    if (loaded.terminating || loaded.ended) continue;
    if (loaded.node.empty()) {
      load.Add(*loaded.footprint);  // Placed by itself; here it only has its place held.
      continue;
    }
    MUSTER_ASSIGN_OR_RETURN(const v1::Object before, ReadPod(key));
    v1::Object pod = before;
    const std::vector<std::string> misfits =
        MisfitsOn(pod.pod().spec(), *loaded.footprint, node, load);
    if (misfits.empty()) {
      Bind(name, now.wall, *pod.mutable_pod());
      load.Add(*loaded.footprint);
    } else {
      SetUnschedulableThere(UnschedulableMessage(misfits, NodeCount()), now.wall,
                            *pod.mutable_pod());
      const bool only_room = Hindrance(pod.pod().spec(), node).empty();
      bool held = false;
      if (only_room) {
        MUSTER_ASSIGN_OR_RETURN(held, Preempt(loaded, node, load, there, now, pod, transaction));
      }
      if (held) {
        load.Add(*loaded.footprint);
      } else {
        pod.mutable_pod()->mutable_status()->clear_nominated_node_name();
      }
    }
    Settle(before, std::move(pod), misfits, now, transaction);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ControllerLoop::Preempt(const LoadedPod& loaded, const v1::Node& node,
                                             const NodeLoad& load, std::vector<PodOnNode>& there,
                                             const Moment& now, v1::Object& pod,
                                             ObjectTransaction& transaction) {
  const std::string& name = node.metadata().name();
  if (loaded.never_preempts) return false;
  // One round at a time: those who give way have to be gone first.
  if (loaded.nominated == name && loads_.IsBeingFreed(name, loaded.priority)) return true;
  const std::optional<std::vector<std::string>> victims =
      ChooseVictims(*loaded.footprint, loaded.priority, node.status().allocatable(), load, there);
  if (!victims || victims->empty()) return false;
  MUSTER_RETURN_IF_ERROR(Evict(*victims, NameOf(pod), now, transaction));
  for (PodOnNode& each : there) {
    each.terminating |= std::find(victims->begin(), victims->end(), each.key) != victims->end();
  }
  pod.mutable_pod()->mutable_status()->set_nominated_node_name(name);
  return true;
}

absl::Status ControllerLoop::Evict(const std::vector<std::string>& victims,
                                   const std::string& winner, const Moment& now,
                                   ObjectTransaction& transaction) {
  for (const std::string& key : victims) {
    MUSTER_ASSIGN_OR_RETURN(v1::Object victim, ReadPod(key));
    const std::string& node = victim.pod().spec().node_name();
    MarkPreempted(winner, now.wall, *victim.mutable_pod());
    StartRemoval(*victim.mutable_pod(), now.wall);
    recorder_.Add(victim,
                  {false, kScheduler, "Preempted",
                   absl::StrCat("Preempted by pod ", winner, " on node ", node)},
                  now.wall, transaction);
    const v1::ObjectMeta& meta = victim.pod().metadata();
    const LogFields about(
        {{kLogPod, absl::StrCat(meta.namespace_(), "/", meta.name())}, {kLogNode, node}});
    spdlog::info("pod {} on node {} gives way to pod {}", key, node, winner);
    transaction.Update(std::move(victim));
  }
  return absl::OkStatus();
}

void ControllerLoop::PlaceUnplaced(const Moment& now) {
  if (!loads_.TakeUnplacedChanged()) return;
  ObjectTransaction transaction;
  absl::Status status = PlaceAll(now, transaction);
  if (status.ok()) status = Commit(std::move(transaction));
  if (!status.ok()) loads_.TouchUnplaced();
  Retry(status, "placing pods");
}

absl::Status ControllerLoop::PlaceAll(const Moment& now, ObjectTransaction& transaction) {
  PlacingRound round;
  for (const std::string& key : loads_.Unplaced()) {
    const LoadedPod& loaded = *loads_.Find(key);
    if (loaded.terminating || loaded.ended) continue;
    MUSTER_ASSIGN_OR_RETURN(const v1::Object before, ReadPod(key));
    v1::Object pod = before;
    const absl::Status completed = CompletePod(priority_classes_, *pod.mutable_pod());
    if (completed.ok()) {
      LoadedPod complete = loaded;
      complete.priority = pod.pod().spec().priority();
      complete.never_preempts = pod.pod().spec().preemption_policy() == kNeverPreempt;
      MUSTER_RETURN_IF_ERROR(Place(complete, now, round, pod, transaction));
    } else {
      SetUnschedulable(std::string(completed.message()), now.wall, *pod.mutable_pod());
    }
    Settle(before, std::move(pod), {}, now, transaction);
  }
  return absl::OkStatus();
}

absl::Status ControllerLoop::Place(const LoadedPod& loaded, const Moment& now, PlacingRound& round,
                                   v1::Object& pod, ObjectTransaction& transaction) {
  std::vector<NodeLoad> loads;
  std::vector<NodeCandidate> candidates;
  loads.reserve(nodes_.size());  // The candidates point into it.
  for (const auto& [name, object] : nodes_) {
    loads.push_back(loads_.LoadFor(name, loaded.priority, NameOf(pod)));
    for (const auto& footprint : round.taken[name]) loads.back().Add(*footprint);
    candidates.push_back({&object.node(), &loads.back()});
  }
  const NodeChoice choice = ChooseNode(pod.pod().spec(), *loaded.footprint, candidates);
  if (choice.node != nullptr) {
    const std::string& name = choice.node->metadata().name();
    Bind(name, now.wall, *pod.mutable_pod());
    round.taken[name].push_back(loaded.footprint);
    return absl::OkStatus();
  }
  SetUnschedulable(UnschedulableMessage(choice.reasons, NodeCount()), now.wall, *pod.mutable_pod());
  const NodeCandidate* cheapest = nullptr;
  std::optional<std::tuple<int32_t, size_t>> least;
  for (const NodeCandidate& candidate : choice.crowded) {
    const std::string& name = candidate.node->metadata().name();
    if (loaded.nominated == name && loads_.IsBeingFreed(name, loaded.priority)) {
      cheapest = &candidate;
      break;
    }
    auto [pods, added] = round.there.try_emplace(name);
    if (added) pods->second = loads_.PodsOn(name);
    const std::optional<std::vector<std::string>> victims =
        ChooseVictims(*loaded.footprint, loaded.priority, candidate.node->status().allocatable(),
                      *candidate.load, pods->second);
    if (!victims || victims->empty()) continue;
    const std::tuple<int32_t, size_t> cost = CostOf(*victims, loads_);
    if (least && *least <= cost) continue;
    least = cost;
    cheapest = &candidate;
  }
  if (cheapest != nullptr) {
    const std::string& name = cheapest->node->metadata().name();
    MUSTER_ASSIGN_OR_RETURN(const bool held, Preempt(loaded, *cheapest->node, *cheapest->load,
                                                     round.there[name], now, pod, transaction));
    if (held) {
      round.taken[name].push_back(loaded.footprint);
      return absl::OkStatus();
    }
  }
  pod.mutable_pod()->mutable_status()->clear_nominated_node_name();
  return absl::OkStatus();
}

void ControllerLoop::Evict(const Moment& now) {
  CommitBatch batch = NewBatch();
  for (const std::string& name : evictions_.TakeDue(now.mono)) {
    const v1::Node* node = FindNode(name);
    if (node == nullptr) continue;
    for (const std::string_view key : loads_.BoundTo(name)) {
      const LoadedPod& loaded = *loads_.Find(key);
      // A daemon pod's controller knows what to do.
      if (loaded.ended || loaded.terminating || loaded.daemon) continue;
      absl::StatusOr<v1::Object> pod = ReadPod(key);
      if (!pod.ok()) {
        evictions_.SetEarlier(name, now.mono + std::chrono::seconds(1));
        continue;
      }
      const std::optional<WallTime> at =
          EvictionTime(pod->pod().spec().tolerations(), node->spec().taints());
      if (!at) continue;
      if (*at > now.wall) {
        evictions_.SetEarlier(name, now.MonoAt(*at));
        continue;
      }
      v1::Object evicted = *std::move(pod);
      SetDisruption(*evicted.mutable_pod()->mutable_status(), "DeletionByTaintManager",
                    "a taint of its node drives it out", now.wall);
      StartRemoval(*evicted.mutable_pod(), now.wall);
      ObjectTransaction transaction;
      recorder_.Add(evicted,
                    {false, "taint-eviction-controller", "TaintManagerEviction",
                     absl::StrCat("Marking for deletion Pod ", std::string(key))},
                    now.wall, transaction);
      transaction.Update(std::move(evicted));
      batch.Add(std::move(transaction), [this, name, now](const absl::Status& status) {
        if (!status.ok()) evictions_.SetEarlier(name, now.mono + std::chrono::seconds(1));
        Retry(status, "evicting a pod");
      });
    }
  }
  batch.Flush();
}

}  // namespace muster::coordinator
