#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/limits/token_bucket.h"
#include "coordinator/session/network_table.h"
#include "coordinator/session/session_hub.h"

namespace muster::coordinator {

// What the hub remembers of one session.
struct SessionHub::Session {
  enum class State {
    kOpened,  // No hello yet.
    kActive,
    kLeaving,  // Ends when the control messages are written.
  };

  SessionId id = 0;
  std::string node, key_hash, ca_hash;
  std::shared_ptr<SessionPeer> peer;
  State state = State::kOpened;
  std::optional<WallTime> not_after;  // Of its certificate.
  MonoTime opened_at{};
  std::list<Session*>::iterator active_at;  // Of a session that is active.
  bool writing = false;
  bool without_hello = true;
  TokenBucket messages;                      // That it may send.
  std::deque<session::v1::ToAgent> control;  // Before any assignment.
  // As its hello said.
  std::string agent_version;
  std::vector<std::string> tunnels;
  std::string sealing_key_id;    // As it said last. Empty: it cannot replace it.
  std::string asked_to_replace;  // The key that it was asked to replace last, in this session.
  AssignmentFeed feed;
  NetworkFeed network;
  absl::Status leaving_because;
  // Since it began, the store has shown the node as not ready. Its pods were marked then, and only
  // the agent can say how they really are.
  bool was_not_ready = false;
  bool given_up = false;  // The node is taken for silent.
};

}  // namespace muster::coordinator
