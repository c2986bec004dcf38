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
      followed_(objects, "controllers", options_.watch_patience, wake_),
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
  followed_.TakeChanges([this](const v1::Object& object, bool gone) { Absorb(object, gone); });
  if (!followed_.following()) {
    if (const absl::Status status = Resync(); !status.ok()) {
      spdlog::error("reading the store: {}", status.ToString());
      followed_.Lose();
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
  const std::optional<MonoTime> behind_until = followed_.BehindUntil(now);
  if (behind_until) WakeAt(*behind_until);
  return !behind_until;
}

absl::Status ControllerLoop::Commit(ObjectTransaction transaction) {
  if (transaction.empty()) return absl::OkStatus();
  const absl::StatusOr<CommittedObjects> committed = followed_.Commit(std::move(transaction));
  if (!committed.ok()) {
    // Perhaps it was only an event that somebody deleted.
    recorder_.Forget();
    return committed.status();
  }
  for (const v1::Object& object : committed->objects) recorder_.Committed(object);
  return absl::OkStatus();
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
