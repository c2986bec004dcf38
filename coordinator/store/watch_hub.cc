#include "coordinator/store/watch_hub.h"

#include <pthread.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "common/base/macros.h"
#include "common/base/mutex.h"

namespace muster::coordinator {
namespace {

// One watch as the hub knows it. `ended` is guarded by the core's mutex; the rest is constant.
struct Entry {
  std::string prefix;
  Store::OnChanges on_changes;
  bool ended = false;
};
using EntryPtr = std::shared_ptr<Entry>;

struct Started {
  EntryPtr entry;
  std::vector<Change> backlog;
};
struct Committed {
  std::vector<Change> changes;
};
struct Broken {
  absl::Status why;
};
using Item = std::variant<Started, Committed, Broken>;

}  // namespace

// Shared with the watches, which may outlive the hub.
class WatchHub::Core {
 public:
  void Push(Item item) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    queue_.push_back(std::move(item));
  }

  // False when the hub is stopping.
  bool WaitForItem() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    mutex_.Await([this] {
      mutex_.AssertHeld();
      return stopping_ || !queue_.empty();
    });
    return !stopping_;
  }

  void Stop() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    stopping_ = true;
    for (const EntryPtr& entry : live_) entry->ended = true;
    for (Item& item : queue_) {
      if (auto* started = std::get_if<Started>(&item)) started->entry->ended = true;
    }
    queue_.clear();
  }

  bool DeliverOne() ABSL_LOCKS_EXCLUDED(mutex_);

  void End(const EntryPtr& entry) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    entry->ended = true;
    std::erase(live_, entry);
    if (called_ != entry.get()) return;
    // Waiting here for ourselves would be a deadlock.
    MUSTER_CHECK(caller_ != std::this_thread::get_id());
    mutex_.Await([this, &entry] {
      mutex_.AssertHeld();
      return called_ != entry.get();
    });
  }

 private:
  void Call(const EntryPtr& entry, absl::StatusOr<std::vector<Change>> argument)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void DeliverBacklog(Started started) ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  std::deque<Item> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<EntryPtr> live_ ABSL_GUARDED_BY(mutex_);
  const Entry* called_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread::id caller_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

void WatchHub::Core::Call(const EntryPtr& entry, absl::StatusOr<std::vector<Change>> argument) {
  {
    MutexLock lock(&mutex_);
    if (entry->ended) return;
    called_ = entry.get();
    caller_ = std::this_thread::get_id();
    if (!argument.ok()) {
      entry->ended = true;
      std::erase(live_, entry);
    }
  }
  entry->on_changes(std::move(argument));
  MutexLock lock(&mutex_);
  called_ = nullptr;
}

void WatchHub::Core::DeliverBacklog(Started started) {
  auto first = started.backlog.begin();
  while (first != started.backlog.end()) {
    const int64_t revision = first->kv.mod_revision;
    const auto last = std::find_if(first, started.backlog.end(), [revision](const Change& change) {
      return change.kv.mod_revision != revision;
    });
    Call(started.entry,
         std::vector<Change>(std::make_move_iterator(first), std::make_move_iterator(last)));
    first = last;
  }
}

bool WatchHub::Core::DeliverOne() {
  std::optional<Item> item;
  std::vector<EntryPtr> live;
  {
    MutexLock lock(&mutex_);
    if (queue_.empty()) return false;
    item = std::move(queue_.front());
    queue_.pop_front();
    auto* started = std::get_if<Started>(&*item);
    if (started != nullptr && !started->entry->ended) live_.push_back(started->entry);
    live = live_;
  }
  if (auto* started = std::get_if<Started>(&*item)) {
    DeliverBacklog(std::move(*started));
  } else if (auto* broken = std::get_if<Broken>(&*item)) {
    for (const EntryPtr& entry : live) Call(entry, broken->why);
  } else {
    const std::vector<Change>& changes = std::get<Committed>(*item).changes;
    for (const EntryPtr& entry : live) {
      std::vector<Change> wanted;
      for (const Change& change : changes) {
        if (absl::StartsWith(change.kv.key, entry->prefix)) wanted.push_back(change);
      }
      if (!wanted.empty()) Call(entry, std::move(wanted));
    }
  }
  return true;
}

class WatchHub::Handle final : public Watch {
 public:
  Handle(std::shared_ptr<Core> core, EntryPtr entry)
      : core_(std::move(core)), entry_(std::move(entry)) {}
  ~Handle() override { core_->End(entry_); }

 private:
  const std::shared_ptr<Core> core_;
  const EntryPtr entry_;
};

WatchHub::WatchHub(Delivery delivery) : core_(std::make_shared<Core>()) {
  if (delivery == Delivery::kOnDemand) return;
  thread_ = std::thread([core = core_] {
    pthread_setname_np(pthread_self(), "store-watch");
    while (core->WaitForItem()) core->DeliverOne();
  });
}

WatchHub::~WatchHub() {
  core_->Stop();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<Watch> WatchHub::Add(std::string prefix, std::vector<Change> backlog,
                                     Store::OnChanges on_changes) {
  auto entry = std::make_shared<Entry>(Entry{std::move(prefix), std::move(on_changes)});
  core_->Push(Started{entry, std::move(backlog)});
  return std::make_unique<Handle>(core_, std::move(entry));
}

void WatchHub::Publish(std::vector<Change> changes) {
  if (!changes.empty()) core_->Push(Committed{std::move(changes)});
}

void WatchHub::BreakAll(absl::Status why) { core_->Push(Broken{std::move(why)}); }

bool WatchHub::DeliverOne() {
  MUSTER_CHECK(!thread_.joinable());
  return core_->DeliverOne();
}

}  // namespace muster::coordinator
