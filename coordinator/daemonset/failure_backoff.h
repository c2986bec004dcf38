#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "common/base/clock.h"

namespace muster::coordinator {

// How long a failed daemon pod of one DaemonSet is left alone before it is replaced, per node.
//
// Kubernetes' rule: the first failure is answered at once and arms one second; each further one
// doubles it, up to fifteen minutes, measured from the last deletion. A node without a failure for
// twice the ceiling starts afresh, and so does every node when the spec changes.
//
// A plain value without a clock. Waiting does not make the wait longer.
class FailureBackoff {
 public:
  struct Limits {
    std::chrono::seconds first{1};
    std::chrono::seconds ceiling{900};
  };

  FailureBackoff() : FailureBackoff(Limits{}) {}
  explicit FailureBackoff(const Limits& limits) : limits_(limits) {}

  // The spec that the failures belong to; a new one forgets them all.
  void SetGeneration(int64_t generation);

  // Until when failed pods on the node stay; nothing when one may be deleted at `now`.
  std::optional<MonoTime> WaitsUntil(const std::string& node, MonoTime now) const;
  // A failed pod on the node was deleted at `now`.
  void Advance(const std::string& node, MonoTime now);
  // Drops what no longer matters, so that the size follows the failures of the last half hour.
  void Expire(MonoTime now);

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::chrono::seconds wait;
    MonoTime since;
  };

  bool Expired(const Entry& entry, MonoTime now) const {
    return now - entry.since > 2 * limits_.ceiling;
  }

  Limits limits_;
  int64_t generation_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace muster::coordinator
