#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace muster::coordinator {

// Makes guessing tokens slow: each address has a few wrong ones, and gets one back from time to
// time. Right ones are never held up by other addresses. Thread-safe; remembers a bounded number of
// addresses, and when all are taken treats the others as one.
class EnrolLimiter {
 public:
  struct Options {
    int failures_max = 10;
    Duration forgiven_each = std::chrono::seconds(6);
    size_t addresses_max = 4'096;
  };

  EnrolLimiter(const Clock& clock, const Options& options) : clock_(clock), options_(options) {}

  // ResourceExhausted when this peer has to wait; the message says how long. `peer` is gRPC's
  // "ipv4:1.2.3.4:5678"; the port plays no role, and of IPv6 a whole /64 is one.
  absl::Status Check(const std::string& peer) ABSL_LOCKS_EXCLUDED(mutex_);
  void Failed(const std::string& peer) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // When the last failure will be forgiven; each one adds to it.
  using Forgiven = std::map<std::string, MonoTime>;

  const Clock& clock_;
  const Options options_;
  Mutex mutex_;
  Forgiven forgiven_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::coordinator
