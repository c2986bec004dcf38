#include "coordinator/controllers/controller_loop.h"

#include <algorithm>
#include <utility>

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
  for (const NodeDeadlines* deadlines : {&deadlines_, &evictions_}) {
    if (const auto next = deadlines->next(); next && *next > now.mono) WakeAt(*next);
  }
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
  PlaceUnplaced(now);
  if (!UpToDate(now.mono)) return;
  Evict(now);
  if (!UpToDate(now.mono)) return;
  KeepDaemonSets(now);
  KeepDaemonJobs(now);
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

}  // namespace muster::coordinator
