#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "coordinator/store/store.h"

namespace muster::coordinator {

// What every implementation of Store answers alike. Pure functions.

// InvalidArgument for an empty key or a key written twice.
absl::Status CheckTransaction(const Transaction& transaction);

// The answer when `condition` does not hold because the key is at `actual` (0: not there).
absl::Status ConditionFailed(const Condition& condition, int64_t actual);

// OutOfRange unless the changes after `after_revision` are all there, which they are after
// `compacted` and up to `current`. A revision from the future means that this is not the store
// the caller has seen (a restored backup, say): it has to list again as well.
absl::Status CheckWatchStart(int64_t after_revision, int64_t compacted, int64_t current);
// OutOfRange for a revision from the future.
absl::Status CheckCompaction(int64_t revision, int64_t current);

// When the history is longer than wanted by a good part of it (so that the work is done in
// larger steps), the revision to compact to.
std::optional<int64_t> AutoCompaction(int64_t current, int64_t compacted,
                                      int64_t history_revisions);

// The smallest key that is greater than every key with `prefix`; nothing when there is none.
std::optional<std::string> EndOfPrefix(const std::string& prefix);

}  // namespace muster::coordinator
