#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/model/kinds.h"
#include "coordinator/store/object_store.h"

namespace muster::coordinator {

// How much there is of what people make, so that nobody fills the disk with it. Pods that have a
// controller, events, revisions, endpoints and nodes are not counted: there are as many of them as
// of what they come from. Nor are statuses, for people do not write them.
//
// What is written through it is counted exactly, or as more. What others take away (controllers
// remove what is to be deleted) is found out by counting anew before anything is refused.
// Thread-safe; may block on the disk.
class ObjectCensus {
 public:
  struct Limits {
    int64_t objects = 100'000;
    int64_t objects_per_namespace = 10'000;  // Of each kind.
    int64_t bytes = int64_t{4} << 30;        // As they are stored.
    int64_t bytes_per_namespace = int64_t{1} << 30;
  };

  // Counts what is there, which may be more than the limits are. Both outlive it.
  static absl::StatusOr<std::unique_ptr<ObjectCensus>> Open(ObjectStore& objects,
                                                            const Clock& clock,
                                                            const Limits& limits);

  // ResourceExhausted names the object, the limit and the setting. What takes no more room than
  // before is always allowed.
  absl::Status Check(const ObjectTransaction& transaction) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, and then ObjectStore::Commit.
  absl::StatusOr<CommittedObjects> Commit(ObjectTransaction transaction)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Count {
    int64_t objects = 0, bytes = 0;
  };
  // Kinds without namespaces are in "".
  struct Counts {
    Count all;
    std::map<std::string, Count> by_namespace;
    std::map<std::pair<std::string, model::Kind>, int64_t> by_kind;
    void Add(const v1::Object& object, int64_t objects, int64_t bytes);
  };

  ObjectCensus(ObjectStore& objects, const Clock& clock, const Limits& limits)
      : objects_(objects), clock_(clock), limits_(limits) {}
  absl::Status CountAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckLocked(const ObjectTransaction& transaction)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A pod that says it has a controller may say so of nothing.
  absl::StatusOr<bool> HasItsController(const v1::Object& pod)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What the transaction adds and takes away.
  absl::StatusOr<Counts> ChangeOf(const ObjectTransaction& transaction)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Refusal(const ObjectTransaction& transaction, const Counts& change) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ObjectStore& objects_;
  const Clock& clock_;
  const Limits limits_;
  Mutex mutex_;  // Also held while what was checked is written.
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  std::optional<MonoTime> count_again_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::coordinator
