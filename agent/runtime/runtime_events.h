#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace muster::agent {

// Something happened in the runtime. Only a hint: events come late, twice, in another order or not
// at all (containerd 1.7 drops them when nobody reads fast enough, and gives each to one reader
// only), so nothing is concluded from one but that it is worth a look.
struct RuntimeEvent {
  enum class Kind { kCreated, kStarted, kStopped, kDeleted };
  Kind kind = Kind::kCreated;
  std::string id;  // Of a container or a sandbox, whosever.
};

// The event stream of a container runtime (CRI: GetContainerEvents).
class RuntimeEvents {
 public:
  virtual ~RuntimeEvents() = default;

  // Opens a stream. `on_event` runs for each event, `on_end` exactly once, after the last of them;
  // both on any thread. Unimplemented: this runtime has no events, so asking again is no use until
  // it is another one. Unavailable: it is away.
  virtual void WatchEvents(std::function<void(const RuntimeEvent&)> on_event,
                           std::function<void(absl::Status)> on_end) = 0;
};

}  // namespace muster::agent
