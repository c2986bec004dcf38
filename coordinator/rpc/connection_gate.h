#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"

namespace muster::coordinator {

// Who of those that connect is let in next. Nothing is known of them yet but their addresses, and a
// TLS handshake costs far more than a connection that waits, so only so many may be let in that
// have not said who they are.
//
// Each address counts by itself: whoever has most gives way to who has less, at once, so that
// others get in whatever one address does; among those that have as much it is the one that has
// taken its time. Every fourth one is given more time: a coordinator that is slower than the
// patience would cut off all that it works for, and a fleet behind one address would never be back.
// A plain value; the caller says when things happen, in the order of time, and does what Decide
// answers. Every step costs the logarithm of the number of connections.
class ConnectionGate {
 public:
  using Id = uint64_t;
  struct Options {
    size_t unknown_max = 1'024;  // Let in and not known yet.
    size_t all_max = 16'384;     // Whatever they are; those that wait, too.
    size_t identity_max = 256;   // Of one user or node.
    // How long one that is not known yet may take before another one of as loud an address gets its
    // place, and before it has to go in any case. Every fourth one may take the longer patience.
    Duration patience = std::chrono::seconds(5), long_patience = std::chrono::seconds(20);
    Duration unknown_wait_max = std::chrono::seconds(30);
  };
  struct Decision {
    std::vector<Id> let_in;
    std::vector<Id> close;         // Waited, and are not let in.
    std::vector<Id> cut;           // Were let in.
    std::optional<MonoTime> wake;  // Decide again then.
  };

  explicit ConnectionGate(const Options& options) : options_(options) {}

  void Came(Id id, const std::string& address, MonoTime now);
  // It has proved to be this user or node.
  void Known(Id id, const std::string& identity);
  // Its other end, or whom it was given to, has closed it.
  void Gone(Id id);
  // There are no descriptors left, although there should be: one less has to do.
  void GiveOneUp();

  Decision Decide(MonoTime now);

  // Some wait, and nobody more is let in for now: it is worth looking who is gone.
  bool is_full() const { return !waiting_.empty() && unknown_ >= options_.unknown_max; }
  bool at_limit() const { return connections_.size() >= options_.all_max; }
  size_t size() const { return connections_.size(); }
  size_t unknown() const { return unknown_; }
  size_t waiting() const { return connections_.size() - unknown_ - known_; }

 private:
  enum class State { kWaiting, kUnknown, kKnown };
  struct Connection {
    std::string address;
    State state = State::kWaiting;
    MonoTime turn{};   // Not known yet: when it may be replaced.
    MonoTime since{};  // Of that state.
    std::string identity = {};
  };
  struct Address {
    std::deque<Id> waiting;  // The oldest first.
    std::list<Id> unknown;   // Likewise.
  };
  using Load = std::pair<size_t, std::string>;  // Of how many, and whose they are.

  // Takes the address out of the orders, and puts it in where it belongs now.
  template <typename Change>
  void Update(const std::string& address, Change change);
  // The first of those that are not known yet whose address has so many.
  const Connection* NextInTurn(size_t most, Id& id) const;
  void LetIn(Id id, MonoTime now);
  void Cut(Id id);
  void Close(Id id);

  const Options options_;
  std::map<Id, Connection> connections_;
  std::map<std::string, Address> addresses_;
  std::set<Load> waiting_;       // Addresses where some wait, by how many are let in.
  std::set<Load> most_waiting_;  // The same, by how many wait.
  std::set<Load> most_unknown_;  // Those with some that are let in and not known, by how many.
  // Those that are let in and not known, by when they were, and by when they may be replaced.
  std::set<std::pair<MonoTime, Id>> by_age_, by_turn_;
  std::map<std::string, std::list<Id>> identities_;
  size_t unknown_ = 0, known_ = 0;
  uint64_t let_in_ = 0;
  Decision next_;
};

}  // namespace muster::coordinator
