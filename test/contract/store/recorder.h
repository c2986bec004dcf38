#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"
#include "coordinator/store/store.h"

namespace muster::coordinator {

// Keeps what a watch is told, call by call. Thread-safe. Outlives the watch.
class Recorder {
 public:
  Store::OnChanges Callback() {
    return [this](absl::StatusOr<std::vector<Change>> changes) {
      MutexLock lock(&mutex_);
      if (changes.ok()) {
        calls_.push_back(*std::move(changes));
      } else {
        end_ = changes.status();
      }
    };
  }

  // False when it took too long.
  bool WaitForCalls(size_t count) {
    MutexLock lock(&mutex_);
    return mutex_.AwaitFor(
        [&] {
          mutex_.AssertHeld();
          return calls_.size() >= count;
        },
        kPatience);
  }
  bool WaitForRevision(int64_t revision) {
    MutexLock lock(&mutex_);
    return mutex_.AwaitFor(
        [&] {
          mutex_.AssertHeld();
          return !calls_.empty() && calls_.back().back().kv.mod_revision >= revision;
        },
        kPatience);
  }
  bool WaitForEnd() {
    MutexLock lock(&mutex_);
    return mutex_.AwaitFor(
        [&] {
          mutex_.AssertHeld();
          return end_.has_value();
        },
        kPatience);
  }

  std::vector<std::vector<Change>> calls() {
    MutexLock lock(&mutex_);
    return calls_;
  }
  std::optional<absl::Status> end() {
    MutexLock lock(&mutex_);
    return end_;
  }
  // "3 put /a=x (was w@2)" a line, over all calls.
  std::vector<std::string> Lines();

 private:
  static constexpr std::chrono::seconds kPatience{30};

  Mutex mutex_;
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
