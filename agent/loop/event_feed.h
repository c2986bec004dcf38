#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "agent/loop/mailbox.h"
#include "agent/loop/runtime_view.h"
#include "agent/runtime/runtime_events.h"
#include "common/base/clock.h"

namespace muster::agent {

// Keeps the runtime's event stream open where it has one, and asks for a list with every event
// (kubelet: evented PLEG; pod-lifecycle.md, 1 and 5). Events only say "look": any number of them
// that come while nobody has looked yet are one look.
//
// A runtime that has no events is not asked again before it was away, since it may come back as
// another version. A stream that breaks is opened again with growing waits; after five breaks in a
// row, none of which was preceded by an event or by a minute of quiet, it is given up for as long
// as this runtime runs.
//
// Loop thread only; what the runtime calls back comes through the inbox.
class EventFeed {
 public:
  // `events` may be null: then there is none.
  EventFeed(RuntimeEvents* events, const Clock& clock, std::shared_ptr<NodeInbox> inbox,
            RuntimeView& view);
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // Opens the stream when it is time; returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now);

  // The stream is open and not just begun: a runtime without one says so at once.
  bool up() const { return up_; }

 private:
  struct Stream;

  void Open(MonoTime now);
  void OnEnd(const absl::Status& why);

  RuntimeEvents* const events_;
  const Clock& clock_;
  const std::shared_ptr<NodeInbox> inbox_;
  RuntimeView& view_;

  std::shared_ptr<Stream> stream_;  // While one is open.
  bool up_ = false;
  bool given_up_ = false;  // Until the runtime was away.
  int breaks_ = 0;         // In a row.
  MonoTime next_{};        // No try before.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
