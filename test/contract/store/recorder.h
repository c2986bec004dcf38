#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "coordinator/store/store.h"

namespace muster::coordinator {

// Keeps what a watch is told, call by call. Thread-safe. Outlives the watch.
class Recorder {
 public:
  Store::OnChanges Callback() {
    return [this](absl::StatusOr<std::vector<Change>> changes) {
      absl::MutexLock lock(&mutex_);
      if (changes.ok()) {
        calls_.push_back(*std::move(changes));
      } else {
        end_ = changes.status();
      }
    };
  }

  // False when it took too long.
  bool WaitForCalls(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] {
      mutex_.AssertReaderHeld();
      return calls_.size() >= count;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
  }
  bool WaitForRevision(int64_t revision) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [&] {
      mutex_.AssertReaderHeld();
      return !calls_.empty() && calls_.back().back().kv.mod_revision >= revision;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience);
  }
  bool WaitForEnd() {
    absl::MutexLock lock(&mutex_);
    const auto ended = [&] {
      mutex_.AssertReaderHeld();
      return end_.has_value();
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&ended), kPatience);
  }

  std::vector<std::vector<Change>> calls() {
    absl::MutexLock lock(&mutex_);
    return calls_;
  }
  std::optional<absl::Status> end() {
    absl::MutexLock lock(&mutex_);
    return end_;
  }
  // "3 put /a=x (was w@2)" a line, over all calls.
  std::vector<std::string> Lines();

 private:
  static constexpr absl::Duration kPatience = absl::Seconds(30);

  absl::Mutex mutex_;
  std::vector<std::vector<Change>> calls_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

inline std::string ToLine(const Change& change) {
  std::string line = std::to_string(change.kv.mod_revision);
  if (change.kind == Change::Kind::kPut) {
    line += " put " + change.kv.key + "=" + change.kv.value + " created " +
            std::to_string(change.kv.create_revision);
  } else {
    line += " delete " + change.kv.key;
  }
  if (change.previous) {
    line += " was " + change.previous->value + "@" + std::to_string(change.previous->mod_revision);
  }
  return line;
}

inline std::vector<std::string> Recorder::Lines() {
  std::vector<std::string> lines;
  for (const auto& call : calls()) {
    for (const Change& change : call) lines.push_back(ToLine(change));
  }
  return lines;
}

}  // namespace muster::coordinator
