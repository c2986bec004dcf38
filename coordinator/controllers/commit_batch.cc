#include "coordinator/controllers/commit_batch.h"

#include <algorithm>
#include <utility>

#include "coordinator/store/object_key.h"

namespace muster::coordinator {
namespace {

// The store looked at the objects and found one of them otherwise than expected; all else is
// trouble of the store itself, which the next try would only meet again.
bool IsAboutOne(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsNotFound(status) || absl::IsAlreadyExists(status) ||
         absl::IsInvalidArgument(status);
}

}  // namespace

void CommitBatch::Add(ObjectTransaction transaction, Done done) {
  if (transaction.empty()) return done(absl::OkStatus());
  std::vector<std::string> keys;
  for (const auto& step : transaction.steps()) keys.push_back(KeyOf(step.object));
  if (keys_.size() + keys.size() > objects_max_ ||
      std::any_of(keys.begin(), keys.end(),
                  [this](const std::string& key) { return keys_.contains(key); })) {
    Flush();
  }
  keys_.insert(keys.begin(), keys.end());
  parts_.push_back({std::move(transaction), std::move(done)});
}

void CommitBatch::Flush() {
  std::vector<Part> parts = std::exchange(parts_, {});
  keys_.clear();
  if (parts.size() > 1) {
    ObjectTransaction all;
    for (const Part& part : parts) all.Append(part.transaction);
    const absl::Status status = commit_(std::move(all));
    if (status.ok() || !IsAboutOne(status)) {
      for (const Part& part : parts) part.done(status);
      return;
    }
  }
  for (Part& part : parts) part.done(commit_(std::move(part.transaction)));
}

}  // namespace muster::coordinator
