#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"

namespace muster::agent {

// Reads up to `length` bytes at `offset` into `buffer`; returns how many, less only at the end.
using ReadAt = std::function<absl::StatusOr<size_t>(int64_t offset, char* buffer, size_t length)>;

// Where the last `lines` lines of a CRI log of `size` bytes begin, found from the end in time
// proportional to them. Lines are counted as the program wrote them: the parts of a split one are
// one, and one that is just being written counts, also when none is asked for. (When both streams'
// parts interleave, the oldest line may begin before the place found.)
absl::StatusOr<int64_t> FindTail(const ReadAt& read_at, int64_t size, int64_t lines);

}  // namespace muster::agent
