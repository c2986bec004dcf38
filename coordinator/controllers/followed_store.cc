#include "coordinator/controllers/followed_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/macros.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {

FollowedStore::FollowedStore(ObjectStore& objects, std::string whose, Duration patience,
                             std::function<void()> wake)
    : objects_(objects), whose_(std::move(whose)), patience_(patience), inbox_(std::move(wake)) {}

absl::Status FollowedStore::Follow(int64_t revision) {
  const uint64_t number = ++watch_number_;
  seen_revision_ = revision;
  MUSTER_ASSIGN_OR_RETURN(
      watch_, objects_.WatchFrom(ObjectScope{}, revision,
                                 [this, number](absl::StatusOr<std::vector<ObjectChange>> changes) {
                                   inbox_.Post({number, std::move(changes)});
                                 }));
  return absl::OkStatus();
}

void FollowedStore::TakeChanges(const Absorb& absorb) {
  for (WatchedChanges& posted : inbox_.TakeAll()) {
    if (posted.watch != watch_number_ || !following()) continue;
    if (!posted.changes.ok()) {
      spdlog::warn("the watch of the {} ended, reading everything again: {}", whose_,
                   posted.changes.status().ToString());
      Lose();
      return;
    }
    for (const ObjectChange& change : *posted.changes) {
      absorb(change.object, change.kind == ObjectChange::Kind::kDeleted);
      seen_revision_ = change.revision;
    }
  }
}

absl::StatusOr<CommittedObjects> FollowedStore::Commit(ObjectTransaction transaction) {
  absl::StatusOr<CommittedObjects> committed = objects_.Commit(std::move(transaction));
  if (committed.ok()) {
    committed_revision_ = std::max(committed_revision_, committed->revision);
    return committed;
  }
  const absl::Status& status = committed.status();
  if (absl::IsAborted(status) || absl::IsNotFound(status) || absl::IsAlreadyExists(status)) {
    return committed;
  }
  if (const absl::StatusOr<int64_t> revision = objects_.store().CurrentRevision(); revision.ok()) {
    committed_revision_ = std::max(committed_revision_, *revision);
  } else {
    Lose();
  }
  return committed;
}

std::optional<MonoTime> FollowedStore::BehindUntil(MonoTime now) {
  if (seen_revision_ >= committed_revision_) {
    behind_since_.reset();
    return std::nullopt;
  }
  if (!behind_since_) behind_since_ = now;
  const MonoTime until = *behind_since_ + std::chrono::duration_cast<MonoTime::duration>(patience_);
  if (now < until) return until;
  spdlog::warn("the watch of the {} does not show what was written, reading everything again",
               whose_);
  behind_since_.reset();
  Lose();
  return now;
}

}  // namespace muster::coordinator
