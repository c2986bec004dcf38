#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "agent/metrics/histogram.h"
#include "common/base/mutex.h"

namespace muster::agent {

// How long calls to the container runtime take and how they end, by call. Thread-safe.
class CallStats {
 public:
  static constexpr double kBounds[] = {0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120};
  struct Call {
    Histogram durations{kBounds};
    std::map<absl::StatusCode, uint64_t> errors;
  };
  using Calls = std::map<std::string, Call, std::less<>>;

  void Observe(std::string_view call, std::chrono::nanoseconds took, const absl::Status& status);
  Calls Read() const;

 private:
  mutable Mutex mutex_;
  Calls calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::agent
