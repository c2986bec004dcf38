#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/store/store.h"

namespace muster::coordinator {

// The half of a store that tells its watches what was committed.
//
// One queue, delivered in order by one thread, so every watch sees revisions in order. Thread-safe,
// but Add and Publish have to come in the order of commits: call them under the lock that orders
// the store's commits. Not bounded by itself: callbacks only hand over, so the queue is as long as
// what was committed within one callback.
class WatchHub {
 public:
  enum class Delivery {
    kOwnThread,
    kOnDemand,  // Only when DeliverOne is called: for tests that decide when things happen.
  };

  explicit WatchHub(Delivery delivery);
  // Undelivered changes are dropped. Watches may live longer; they are never called again.
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  // `backlog` (revisions in order, already limited to the prefix) is delivered first, then what is
  // published from now on. One callback is one revision.
  std::unique_ptr<Watch> Add(std::string prefix, std::vector<Change> backlog,
                             Store::OnChanges on_changes);
  // The changes of one committed revision.
  void Publish(std::vector<Change> changes);
  // Ends every present watch with `why`, after what was published before.
  void BreakAll(absl::Status why);

  // Delivers the oldest item of the queue. False when there was none. With kOnDemand only.
  bool DeliverOne();

 private:
  class Core;
  class Handle;

  const std::shared_ptr<Core> core_;
  std::thread thread_;  // Not joinable with kOnDemand.
};

}  // namespace muster::coordinator
