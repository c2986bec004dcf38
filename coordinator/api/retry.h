#pragma once

#include "absl/status/status.h"

namespace muster::coordinator {

// Calls `attempt`, which reads, decides and commits, again while somebody else wrote one of its
// objects in between; a few times, since whoever loses that often should hear of it.
template <typename Attempt>
auto WithRetries(Attempt attempt) {
  constexpr int kAttemptsMax = 5;
  auto result = attempt();
  for (int i = 1; i < kAttemptsMax && !result.ok(); ++i) {
    if (!absl::IsAborted(result.status()) && !absl::IsAlreadyExists(result.status())) break;
    result = attempt();
  }
  return result;
}

}  // namespace muster::coordinator
