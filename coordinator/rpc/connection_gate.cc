#include "coordinator/rpc/connection_gate.h"

#include <chrono>
#include <utility>

namespace muster::coordinator {
namespace {

// Each of so many that are let in has the longer patience.
constexpr uint64_t kPatientEach = 4;

}  // namespace

template <typename Change>
void ConnectionGate::Update(const std::string& address, Change change) {
  Address& entry = addresses_[address];
  waiting_.erase({entry.unknown.size(), address});
  most_waiting_.erase({entry.waiting.size(), address});
  most_unknown_.erase({entry.unknown.size(), address});
  change(entry);
  if (!entry.waiting.empty()) {
    waiting_.emplace(entry.unknown.size(), address);
    most_waiting_.emplace(entry.waiting.size(), address);
  }
  if (!entry.unknown.empty()) most_unknown_.emplace(entry.unknown.size(), address);
  if (entry.waiting.empty() && entry.unknown.empty()) addresses_.erase(address);
}

void ConnectionGate::Came(Id id, const std::string& address, MonoTime now) {
  if (connections_.size() >= options_.all_max) GiveOneUp();
  if (connections_.size() >= options_.all_max) {  // Everybody is known.
    next_.close.push_back(id);
    return;
  }
  connections_[id] = {.address = address, .since = now};
  Update(address, [id](Address& entry) { entry.waiting.push_back(id); });
}

const ConnectionGate::Connection* ConnectionGate::NextInTurn(size_t most, Id& id) const {
  for (const auto& [turn, candidate] : by_turn_) {
    const Connection& connection = connections_.at(candidate);
    if (addresses_.at(connection.address).unknown.size() < most) continue;
    id = candidate;
    return &connection;
  }
  return nullptr;
}

void ConnectionGate::LetIn(Id id, MonoTime now) {
  Connection& connection = connections_.at(id);
  connection.state = State::kUnknown;
  connection.since = now;
  const Duration patience =
      ++let_in_ % kPatientEach == 0 ? options_.long_patience : options_.patience;
  connection.turn = now + std::chrono::duration_cast<MonoTime::duration>(patience);
  by_turn_.emplace(connection.turn, id);
  ++unknown_;
  by_age_.emplace(now, id);
  Update(connection.address, [&](Address& entry) {
    entry.waiting.pop_front();
    entry.unknown.push_back(id);
  });
  next_.let_in.push_back(id);
}

void ConnectionGate::Known(Id id, const std::string& identity) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  // One that says another name later goes on counting as the first.
  if (connection.state != State::kUnknown) return;
  --unknown_;
  ++known_;
  by_age_.erase({connection.since, id});
  by_turn_.erase({connection.turn, id});
  Update(connection.address, [&](Address& entry) { entry.unknown.remove(id); });
  connection.state = State::kKnown;
  connection.identity = identity;
  std::list<Id>& own = identities_[identity];
  own.push_back(id);
  if (own.size() > options_.identity_max) Cut(Id(own.front()));
}

void ConnectionGate::Gone(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Connection connection = std::move(found->second);
  connections_.erase(found);
  switch (connection.state) {
    case State::kWaiting:
      Update(connection.address, [id](Address& entry) { std::erase(entry.waiting, id); });
      break;
    case State::kUnknown:
      --unknown_;
      by_age_.erase({connection.since, id});
      by_turn_.erase({connection.turn, id});
      Update(connection.address, [&](Address& entry) { entry.unknown.remove(id); });
      break;
    case State::kKnown:
      --known_;
      const auto own = identities_.find(connection.identity);
      own->second.remove(id);
      if (own->second.empty()) identities_.erase(own);
      break;
  }
}

void ConnectionGate::Cut(Id id) {
  Gone(id);
  next_.cut.push_back(id);
}

void ConnectionGate::Close(Id id) {
  Gone(id);
  next_.close.push_back(id);
}

void ConnectionGate::GiveOneUp() {
  if (!most_waiting_.empty()) {
    return Close(Id(addresses_.at(most_waiting_.rbegin()->second).waiting.back()));
  }
  if (!most_unknown_.empty()) {
    Cut(Id(addresses_.at(most_unknown_.rbegin()->second).unknown.front()));
  }
}

ConnectionGate::Decision ConnectionGate::Decide(MonoTime now) {
  const auto earlier = [this](MonoTime at) {
    if (!next_.wake || at < *next_.wake) next_.wake = at;
  };
  const auto longest = std::chrono::duration_cast<MonoTime::duration>(options_.unknown_wait_max);
  while (!by_age_.empty() && by_age_.begin()->first + longest <= now) {
    Cut(by_age_.begin()->second);
  }
  while (!waiting_.empty()) {
    const auto [least, address] = *waiting_.begin();
    if (unknown_ >= options_.unknown_max) {
      const auto [most, loudest] = *most_unknown_.rbegin();
      Id out = addresses_.at(loudest).unknown.front();
      // With one more it still has less; otherwise one that had its time makes room.
      if (most <= least + 1) {
        const MonoTime turn = NextInTurn(most, out)->turn;
        if (turn > now) {
          earlier(turn);
          break;
        }
      }
      Cut(out);
    }
    LetIn(addresses_.at(address).waiting.front(), now);
  }
  if (!by_age_.empty()) earlier(by_age_.begin()->first + longest);
  return std::exchange(next_, {});
}

}  // namespace muster::coordinator
