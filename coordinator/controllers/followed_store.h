#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/inbox.h"
#include "coordinator/store/object_store.h"

namespace muster::coordinator {

// What keeps a loop's own copy of the store as new as its decisions need it: the watch, and which
// of the loop's own writes that has shown. Deciding before it has would do things twice.
//
// The loop reads the store, absorbs what it finds and calls Follow; from then on TakeChanges brings
// what changes. When the watch is lost all of that begins again. Belongs to the loop's thread.
class FollowedStore {
 public:
  using Absorb = std::function<void(const v1::Object& object, bool gone)>;

  // `whose` is for the log. `patience`: how long the watch may take to show what was written.
  // `wake` is called on any thread when there are changes to take.
  FollowedStore(ObjectStore& objects, std::string whose, Duration patience,
                std::function<void()> wake);

  bool following() const { return watch_ != nullptr; }
  // The copy is worth nothing any more. What an earlier watch still brings is passed over.
  void Lose() { watch_.reset(); }
  // From the revision at which the store was read.
  absl::Status Follow(int64_t revision);
  // Afterwards it may not be following any more.
  void TakeChanges(const Absorb& absorb);

  // Writes, and remembers what the watch has to show. After an error that is no conflict it may
  // have been written all the same, so whatever is there by then has to be shown.
  absl::StatusOr<CommittedObjects> Commit(ObjectTransaction transaction);
  // None when the watch has shown all that was written; else when to look again. Out of patience it
  // is lost.
  std::optional<MonoTime> BehindUntil(MonoTime now);

 private:
  struct WatchedChanges {
    uint64_t watch = 0;
    absl::StatusOr<std::vector<ObjectChange>> changes;
  };

  ObjectStore& objects_;
  const std::string whose_;
  const Duration patience_;
  Inbox<WatchedChanges> inbox_;
  uint64_t watch_number_ = 0;
  std::unique_ptr<Watch> watch_;
  int64_t seen_revision_ = 0, committed_revision_ = 0;
  std::optional<MonoTime> behind_since_;  // Set while the watch has not shown it.
};

}  // namespace muster::coordinator
