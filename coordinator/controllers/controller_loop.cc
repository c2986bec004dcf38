#include "coordinator/controllers/controller_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr auto kResyncRetry = 1s;

}  // namespace

ControllerLoop::ControllerLoop(ObjectStore& objects, const Clock& clock, FindContact find_contact,
                               Options options, std::function<void()> wake, RandomBits random)
    : objects_(objects),
      clock_(clock),
      find_contact_(std::move(find_contact)),
      options_(std::move(options)),
      random_(std::move(random)),
      started_(clock.Mono()),
      inbox_(std::move(wake)) {}

void ControllerLoop::WakeAt(MonoTime at) {
  if (!wake_at_ || at < *wake_at_) wake_at_ = at;
}

std::optional<MonoTime> ControllerLoop::Step() {
  wake_at_.reset();
  const Moment now = Moment::Read(clock_);
  TakeChanges();
  if (watch_ == nullptr) {
    if (const absl::Status status = Resync(); !status.ok()) {
      spdlog::error("reading the store: {}", status.ToString());
      watch_.reset();
      return now.mono + kResyncRetry;
    }
  }
  // What was decided before has to be seen first; the watch wakes us.
  if (seen_revision_ < committed_revision_) return now.mono + options_.health_period;
  KeepNodes(now);
  if (seen_revision_ < committed_revision_) return wake_at_;
  BindWaiting(now);
  KeepDaemonSets(now);
  CollectOrphans(now);
  CollectPodsOfGoneNodes(now);
  ExpireEvents(now);
  return wake_at_;
}

absl::Status ControllerLoop::Commit(ObjectTransaction transaction) {
  if (transaction.empty()) return absl::OkStatus();
  absl::StatusOr<CommittedObjects> committed = objects_.Commit(std::move(transaction));
  if (!committed.ok()) {
    // Perhaps it was only an event that somebody deleted.
    recorder_.Forget();
    return committed.status();
  }
  committed_revision_ = std::max(committed_revision_, committed->revision);
  for (const v1::Object& object : committed->objects) recorder_.Committed(object);
  return absl::OkStatus();
}

void ControllerLoop::CommitOrLog(ObjectTransaction transaction, std::string_view doing) {
  const absl::Status status = Commit(std::move(transaction));
  if (status.ok()) return;
  // A conflict means that the watch brings something newer.
  if (!absl::IsAborted(status) && !absl::IsNotFound(status)) {
    spdlog::warn("{}: {}", doing, status.ToString());
  }
  WakeAt(clock_.Mono() + kResyncRetry);
}

void ControllerLoop::KeepNodes(const Moment& now) {
  const bool due = now.mono >= next_health_;
  if (due) {
    next_health_ =
        now.mono + std::chrono::duration_cast<MonoTime::duration>(options_.health_period);
  }
  if (!nodes_.empty()) WakeAt(next_health_);
  if (!due && stale_nodes_.empty()) return;
  const bool all_silent =
      std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
        return IsSilent(find_contact_(entry.first), started_, options_.health, now.mono);
      });
  if (due) {
    for (const auto& [name, object] : nodes_) KeepNode(object, all_silent, now);
  } else {
    for (const std::string& name : stale_nodes_) {
      const auto found = nodes_.find(name);
      if (found != nodes_.end()) KeepNode(found->second, all_silent, now);
    }
  }
  stale_nodes_.clear();
}

bool ControllerLoop::KeepNode(const v1::Object& object, bool all_silent, const Moment& now) {
  const std::string& name = object.node().metadata().name();
  NodeHealth health = JudgeNodeHealth(object.node(), find_contact_(name), started_, all_silent,
                                      options_.health, now);
  if (health.wake_at) WakeAt(*health.wake_at);
  if (!health.node) return false;
  const bool lost = ConditionStatus(*health.node, "Ready") == "Unknown" &&
                    ConditionStatus(object.node(), "Ready") != "Unknown";
  ObjectTransaction transaction;
  v1::Object updated = object;
  *updated.mutable_node() = *std::move(health.node);
  if (health.turn != NodeHealth::Turn::kNone) {
    const std::string reason =
        health.turn == NodeHealth::Turn::kReady ? "NodeReady" : "NodeNotReady";
    recorder_.Add(object,
                  {false, "node-controller", reason,
                   absl::StrCat("Node ", name, " status is now: ", reason)},
                  now.wall, transaction);
    spdlog::info("node {} status is now: {}", name, reason);
  }
  transaction.Update(std::move(updated));
  CommitOrLog(std::move(transaction), "updating a node");
  if (lost) MarkPodsNotReady(name, now);
  return true;
}

void ControllerLoop::MarkPodsNotReady(const std::string& node, const Moment& now) {
  ObjectTransaction transaction;
  for (const std::string& key : loads_.BoundTo(node)) {
    v1::Object pod = pods_.at(key);
    if (!MarkPodNotReady(*pod.mutable_pod()->mutable_status(), now.wall)) continue;
    recorder_.Add(pod, {true, "node-controller", "NodeNotReady", "Node is not ready"}, now.wall,
                  transaction);
    transaction.Update(std::move(pod));
  }
  CommitOrLog(std::move(transaction), "marking the pods of a lost node");
}

void ControllerLoop::Tell(const v1::Object& pod, const std::vector<std::string>& misfits,
                          const Moment& now, ObjectTransaction& transaction) {
  const v1::ObjectMeta& meta = pod.pod().metadata();
  if (misfits.empty()) {
    recorder_.Add(pod,
                  {false, "default-scheduler", "Scheduled",
                   absl::StrCat("Successfully assigned ", meta.namespace_(), "/", meta.name(),
                                " to ", pod.pod().spec().node_name())},
                  now.wall, transaction);
  } else {
    recorder_.Add(pod,
                  {true, "default-scheduler", "FailedScheduling",
                   UnschedulableMessage(misfits, static_cast<int>(nodes_.size()))},
                  now.wall, transaction);
  }
}

void ControllerLoop::BindWaiting(const Moment& now) {
  for (const std::string& name : loads_.TakeChanged()) {
    const v1::Node* node = FindNode(name);
    if (node == nullptr) continue;
    NodeLoad load = loads_.LoadOf(name);
    ObjectTransaction transaction;
    for (const std::string& key : loads_.WaitingFor(name)) {
      const v1::Object& waiting = pods_.at(key);
      if (waiting.pod().metadata().has_deletion_timestamp()) continue;
      v1::Object pod = waiting;
      const std::vector<std::string> misfits =
          Bind(*node, load, static_cast<int>(nodes_.size()), now.wall, *pod.mutable_pod());
      // A pod that still does not fit is news only when the reason is another.
      if (EncodeObject(pod) == EncodeObject(waiting)) continue;
      if (misfits.empty()) load.Add(FootprintOf(pod.pod().spec()));
      Tell(pod, misfits, now, transaction);
      transaction.Update(std::move(pod));
    }
    CommitOrLog(std::move(transaction), "binding pods");
  }
}

}  // namespace muster::coordinator
