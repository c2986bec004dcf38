#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/tunnel/pipe.h"
#include "muster/session/v1/session.pb.h"

namespace muster::coordinator {

// The bytes of one `logs` or `exec` between the call of a user and the call of an agent.
// Thread-safe; shared by both calls, and ends for both when either ends it.
class Tunnel {
 public:
  using FromAgent = session::v1::TunnelFromAgent;
  using ToAgent = session::v1::TunnelToAgent;

  Pipe<FromAgent>& from_agent() { return from_agent_; }
  Pipe<ToAgent>& to_agent() { return to_agent_; }

  // The first call counts: its status is what both ends hear when they have emptied their pipe.
  void Close(absl::Status why);
  // Of the first Close. OK before it.
  absl::Status why() const;

 private:
  mutable Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status why_ ABSL_GUARDED_BY(mutex_);
  Pipe<FromAgent> from_agent_;
  Pipe<ToAgent> to_agent_;
};

// Brings the two calls together: asks the node's agent by its session to open a tunnel, and knows
// the agent's call by a random id that only this agent was told. Thread-safe.
class TunnelBroker {
 public:
  // Sends the request by the node's session; `refused` is called later when that is not possible.
  using Ask = std::function<void(const std::string& node, session::v1::OpenTunnel request,
                                 std::function<void(absl::Status)> refused)>;

  TunnelBroker(const Clock& clock, Duration open_wait_max, Ask ask);

  // For the user's call. `request` without id. The tunnel is closed with DeadlineExceeded when the
  // agent does not open its end in time, with Unavailable when the node is not connected.
  std::shared_ptr<Tunnel> Open(const std::string& node, session::v1::OpenTunnel request);
  // For the agent's call, once. NotFound when nobody waits (any more) for this id from this node.
  // The tunnel is closed at `until`, when what the agent proved itself by ends.
  absl::StatusOr<std::shared_ptr<Tunnel>> Accept(const std::string& node, const std::string& id,
                                                 WallTime until = WallTime::max());

  // Closes what waited too long, or whose time is over; returns when to call it again for what
  // waits. It has to be called now and then for the rest.
  std::optional<MonoTime> Expire();
  // Closes all that the node has, and what waits for it.
  void CloseAllOf(const std::string& node, const absl::Status& why);

 private:
  struct Waiting {
    std::string node;
    MonoTime until;
    std::shared_ptr<Tunnel> tunnel;
  };
  struct Accepted {
    std::string node;
    std::weak_ptr<Tunnel> tunnel;
  };
  void Refuse(const std::string& id, absl::Status why);
  void ForgetEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  const Duration open_wait_max_;
  const Ask ask_;
  Mutex mutex_;
  std::map<std::string, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);  // By id.
  // That both ends have; some may have ended. By when they end at the latest.
  std::multimap<WallTime, Accepted> accepted_ ABSL_GUARDED_BY(mutex_);
  size_t forget_at_ ABSL_GUARDED_BY(mutex_) = 64;  // So many of them.
};

}  // namespace muster::coordinator
