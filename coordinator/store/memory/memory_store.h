#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"
#include "coordinator/store/store.h"
#include "coordinator/store/watch_hub.h"

namespace muster::coordinator {

// A Store that lives and dies with the process: for tests, and for runs of a whole cluster in one
// process. It can be told to misbehave as a real one might. Thread-safe.
class MemoryStore final : public Store {
 public:
  struct Options {
    // Older changes are forgotten by themselves, as a store on disk does.
    int64_t history_revisions = 10'000;
    // With kOnDemand watches are called by Deliver, on the caller's thread.
    WatchHub::Delivery delivery = WatchHub::Delivery::kOwnThread;
  };

  // One transaction that goes wrong.
  struct Fault {
    int transactions_before = 0;  // This many more go well first.
    absl::Status status;          // Returned; not OK.
    // The change was made all the same: the answer got lost on its way.
    bool committed = false;
  };

  MemoryStore() : MemoryStore(Options{}) {}
  explicit MemoryStore(const Options& options);

  absl::StatusOr<std::optional<KeyValue>> Get(const std::string& key) override;
  absl::StatusOr<Listing> List(const std::string& prefix) override;
  absl::StatusOr<int64_t> Scan(const std::string& prefix,
                               const std::function<void(const KeyValue&)>& each) override;
  absl::StatusOr<int64_t> Transact(const Transaction& transaction) override;
  absl::StatusOr<std::unique_ptr<Watch>> WatchFrom(const std::string& prefix,
                                                   int64_t after_revision,
                                                   OnChanges on_changes) override;
  absl::Status Compact(int64_t revision) override;
  absl::StatusOr<int64_t> CurrentRevision() override;

  // Faults are used up in the order of their injection: the count of one starts when the one
  // before it has struck.
  void InjectFault(Fault fault);
  void FailNextTransact(absl::Status status) { InjectFault({0, std::move(status), false}); }
  // Those that have not struck yet never will.
  void DropFaults();
  // Until told otherwise with an OK status, every Get and List ends like this.
  void FailReads(absl::Status status);
  // Ends every watch with `why`.
  void BreakWatches(absl::Status why) { hub_.BreakAll(std::move(why)); }
  // Calls the watches for what has happened until now. With kOnDemand only.
  void Deliver();

 private:
  absl::Status Check(const Transaction& transaction) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit(const Transaction& transaction) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Fault> TakeFault() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CompactTo(int64_t revision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  WatchHub hub_;
  Mutex mutex_;
  std::map<std::string, KeyValue> entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<Change> changes_ ABSL_GUARDED_BY(mutex_);  // After compacted_, by revision.
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t compacted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::coordinator
