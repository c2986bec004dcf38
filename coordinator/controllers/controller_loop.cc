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

constexpr auto kRetryAfter = 1s;

MonoTime After(MonoTime since, Duration wait) {
  return since + std::chrono::duration_cast<MonoTime::duration>(wait);
}

}  // namespace

ControllerLoop::ControllerLoop(ObjectStore& objects, const Clock& clock, FindContact find_contact,
                               Options options, std::function<void()> wake, RandomBits random)
    : objects_(objects),
      clock_(clock),
      find_contact_(std::move(find_contact)),
      options_(std::move(options)),
      random_(std::move(random)),
      wake_(std::move(wake)),
      inbox_(wake_),
      listening_since_(clock.Mono()) {}

void ControllerLoop::WakeAt(MonoTime at) {
  if (!wake_at_ || at < *wake_at_) wake_at_ = at;
}

std::optional<MonoTime> ControllerLoop::Step() {
  const Moment now = Moment::Read(clock_);
  // Who was stopped for a while could not hear anybody either.
  if (asked_for_ && now.mono > After(*asked_for_, options_.deaf_after)) {
    listening_since_ = now.mono;
    TouchAllNodes();
  }
  wake_at_.reset();
  Turn(now);
  // One that is over waits for the watch.
  if (const auto next = deadlines_.next(); next && *next > now.mono) WakeAt(*next);
  asked_for_ = wake_at_;
  return wake_at_;
}

void ControllerLoop::Turn(const Moment& now) {
  TakeChanges();
  if (watch_ == nullptr) {
    if (const absl::Status status = Resync(); !status.ok()) {
      spdlog::error("reading the store: {}", status.ToString());
      watch_.reset();
      return WakeAt(now.mono + kRetryAfter);
    }
  }
  // What was decided before has to be seen first; the watch wakes us.
  if (!UpToDate(now.mono)) return;
  KeepNodes(now);
  if (!UpToDate(now.mono)) return;
  BindWaiting(now);
  if (!UpToDate(now.mono)) return;
  KeepDaemonSets(now);
  CollectOrphans(now);
  CollectPodsOfGoneNodes(now);
  ExpireEvents(now);
}

bool ControllerLoop::UpToDate(MonoTime now) {
  if (seen_revision_ >= committed_revision_) {
    behind_since_.reset();
    return true;
  }
  if (!behind_since_) behind_since_ = now;
  const MonoTime until = After(*behind_since_, options_.watch_patience);
  if (now < until) {
    WakeAt(until);
    return false;
  }
  spdlog::warn("the watch does not show what was written, reading everything again");
  behind_since_.reset();
  watch_.reset();
  WakeAt(now);
  return false;
}

absl::Status ControllerLoop::Commit(ObjectTransaction transaction) {
  if (transaction.empty()) return absl::OkStatus();
  absl::StatusOr<CommittedObjects> committed = objects_.Commit(std::move(transaction));
  if (committed.ok()) {
    committed_revision_ = std::max(committed_revision_, committed->revision);
    for (const v1::Object& object : committed->objects) recorder_.Committed(object);
    return absl::OkStatus();
  }
  // Perhaps it was only an event that somebody deleted.
  recorder_.Forget();
  if (absl::IsAborted(committed.status()) || absl::IsNotFound(committed.status()) ||
      absl::IsAlreadyExists(committed.status())) {
    return committed.status();
  }
  // It may have been written all the same: whatever is there now has to be seen first.
  if (const absl::StatusOr<int64_t> revision = objects_.store().CurrentRevision(); revision.ok()) {
    committed_revision_ = std::max(committed_revision_, *revision);
  } else {
    watch_.reset();
  }
  return committed.status();
}

CommitBatch ControllerLoop::NewBatch() {
  return CommitBatch(
      [this](ObjectTransaction transaction) { return Commit(std::move(transaction)); });
}

void ControllerLoop::Retry(const absl::Status& status, std::string_view doing) {
  if (status.ok()) return;
  // A conflict means that the watch brings something newer.
  if (!absl::IsAborted(status) && !absl::IsNotFound(status)) {
    spdlog::warn("{}: {}", doing, status.ToString());
  }
  WakeAt(clock_.Mono() + kRetryAfter);
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
  CommitBatch batch = NewBatch();
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
    batch.Add(std::move(transaction), [this, name](const absl::Status& status) {
      if (!status.ok()) loads_.Touch(name);
      Retry(status, "binding pods");
    });
  }
  batch.Flush();
}

}  // namespace muster::coordinator
