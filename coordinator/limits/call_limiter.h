#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/limits/token_bucket.h"

namespace muster::coordinator {

// How much of the admin API one caller may take: calls a second, and calls that go on (watches,
// logs, exec, forwarded connections). A caller is a user, wherever it calls from; those that nobody
// knows are told apart by their addresses, and may less. Each has its own allowance, so that who
// asks too much holds nobody else up. Thread-safe. Remembers a bounded number of callers, and when
// all places are taken by callers who are over none of their limits yet, takes the rest as one.
class CallLimiter {
 public:
  struct Options {
    TokenBucket::Rate calls{100, 400};
    TokenBucket::Rate unknown_calls{2, 20};
    int64_t streams_max = 256;
    // Objects that one user may make: so many at once, and as many again in a day.
    TokenBucket::Rate objects{10'000.0 / 86'400, 10'000};
    size_t callers_max = 4'096;
  };

  CallLimiter(const Clock& clock, const Options& options) : clock_(clock), options_(options) {}

  // ResourceExhausted says when to try again.
  absl::Status TakeCall(const std::string& user) ABSL_LOCKS_EXCLUDED(mutex_);
  // `peer` as gRPC calls it; the port plays no role.
  absl::Status TakeUnknownCall(const std::string& peer) ABSL_LOCKS_EXCLUDED(mutex_);

  // May the user make objects at all? How many it makes is only known afterwards, so one request
  // may be over; the next one waits for it.
  absl::Status CheckObjects(const std::string& user) ABSL_LOCKS_EXCLUDED(mutex_);
  void ChargeObjects(const std::string& user, int64_t count) ABSL_LOCKS_EXCLUDED(mutex_);

  // Each that is OK has to be given back.
  absl::Status TakeStream(const std::string& user) ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveStream(const std::string& user) ABSL_LOCKS_EXCLUDED(mutex_);

  // How many calls of the user were refused since it was asked last.
  int64_t TakeRefused(const std::string& user) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Caller {
    TokenBucket calls, objects;
    int64_t streams = 0;
    int64_t refused = 0;
  };
  Caller& Find(const std::string& key, MonoTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Take(const std::string& key, const std::string& who, const TokenBucket::Rate& rate)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock& clock_;
  const Options options_;
  Mutex mutex_;
  std::map<std::string, Caller> callers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::coordinator
