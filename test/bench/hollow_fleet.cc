// Agents without hosts: each has a node's identity, the agent's own session and its own way of
// coming back, and keeps what it is assigned; none runs anything.
//
//   hollow_fleet ADDRESS TOKEN CA_HASH COUNT [--network]
//
// They join, connect, and stay until stdin closes. A line is printed each time that all of them
// have a session ("up SECONDS", since the last "down", or since the first try), when the first one
// of them has lost it ("down"), and for every number of objects that they have been sent, when
// nothing came for a second ("sent OBJECTS"). With --network they take the table of Services, too,
// and when all of them have what a revision of it changed, that is said with the times (of the
// monotonic clock, in seconds) at which the first and the last one got it ("told REVISION FIRST
// LAST").

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/enrol/enrol_call.h"
#include "agent/link/grpc_link.h"
#include "agent/link/session_channel.h"
#include "agent/loop/assignment.h"
#include "agent/loop/link_keeper.h"
#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/pki/grpc_credentials.h"
#include "common/pki/pki.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;

constexpr int kJoinersAtOnce = 4;
constexpr auto kQuiet = 1s;

// From gRPC's threads to the one that decides.
class Arrivals {
 public:
  void Post(size_t agent, LinkEvent event) {
    const std::lock_guard lock(mutex_);
    events_.emplace_back(agent, std::move(event));
    arrived_.notify_one();
  }
  std::deque<std::pair<size_t, LinkEvent>> Wait(std::chrono::nanoseconds at_most) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, at_most, [this] { return !events_.empty(); });
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::pair<size_t, LinkEvent>> events_;
};

struct Fleet {
  std::string address, ca_pem;
};

absl::StatusOr<pki::ClientIdentity> Join(const Fleet& fleet, const std::string& token,
                                         const std::string& name) {
  MUSTER_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Generate());
  EnrolCall call{.coordinator = fleet.address, .ca_pem = fleet.ca_pem, .timeout = 30s};
  call.token = token;
  MUSTER_ASSIGN_OR_RETURN(call.csr_pem, pki::MakeRequest(key, pki::NodeCommonName(name)));
  call.request.node_name = name;
  MUSTER_ASSIGN_OR_RETURN(RenewedCertificate made, CallEnrol(call));
  MUSTER_ASSIGN_OR_RETURN(std::string key_pem, key.ToPem());
  return pki::ClientIdentity{fleet.ca_pem, std::move(made.certificate_pem), std::move(key_pem)};
}

v1::NodeStatus HealthyNode() {
  v1::NodeStatus status;
  for (const auto& [resource, amount] :
       {std::pair{"cpu", "4"}, std::pair{"memory", "8Gi"}, std::pair{"pods", "110"}}) {
    (*status.mutable_capacity())[resource].set_text(amount);
    (*status.mutable_allocatable())[resource].set_text(amount);
  }
  v1::NodeCondition& ready = *status.add_conditions();
  ready.set_type("Ready");
  ready.set_status("True");
  return status;
}

class HollowAgent {
 public:
  HollowAgent(const Fleet& fleet, const pki::ClientIdentity& identity, size_t number,
              bool with_network, Arrivals& arrivals)
      : channel_({.address = fleet.address},
                 [credentials = pki::ClientChannelCredentials(identity)] { return credentials; }),
        link_(channel_,
              [number, &arrivals](LinkEvent event) { arrivals.Post(number, std::move(event)); }),
        keeper_(link_, {.seed = number + 1}),
        network_revision_(with_network ? std::optional<int64_t>(0) : std::nullopt) {}

  std::optional<MonoTime> Step(MonoTime now) {
    return keeper_.Step(now, [this] {
      return LinkHello{.agent_version = "0.1.0",
                       .boot_id = "hollow",
                       .known = assignment_.Known(),
                       .node_status = HealthyNode(),
                       .network_revision = network_revision_};
    });
  }
  // How many objects it was sent.
  size_t Take(const LinkEvent& event, MonoTime now) {
    if (const auto* welcome = std::get_if<LinkWelcome>(&event)) keeper_.OnWelcome(*welcome, now);
    if (std::holds_alternative<LinkDown>(event)) keeper_.OnDown(now);
    const auto* update = std::get_if<LinkAssignment>(&event);
    if (update == nullptr) return 0;
    assignment_.Apply(*update);
    return update->upserted.size();
  }
  // The revision of the table that it has by now, when the event made that another one.
  std::optional<int64_t> TakeNetwork(const LinkEvent& event) {
    const auto* network = std::get_if<LinkNetwork>(&event);
    if (network == nullptr || !network->update.complete()) return std::nullopt;
    return network_revision_ = network->update.revision();
  }
  bool up() const { return keeper_.up(); }
  // Of the assignment, which is in order: what was sent before the last one came has been counted.
  size_t held() const { return assignment_.Known().size(); }

 private:
  Assignment assignment_{CheckpointState{}};
  SessionChannel channel_;
  GrpcLink link_;
  LinkKeeper keeper_;
  std::optional<int64_t> network_revision_;
};

// How the newest revision of the table comes to all.
class Spreading {
 public:
  explicit Spreading(size_t agents) : agents_(agents) {}

  void OnRevision(int64_t revision, MonoTime now) {
    if (revision > revision_) {
      revision_ = revision;
      first_ = now;
      having_ = 0;
    }
    if (revision == revision_ && ++having_ == agents_) {
      const auto seconds = [](MonoTime time) {
        return std::chrono::duration<double>(time.time_since_epoch()).count();
      };
      std::printf("told %lld %.6f %.6f\n", static_cast<long long>(revision), seconds(first_),
                  seconds(now));
      std::fflush(stdout);
    }
  }

 private:
  const size_t agents_;
  int64_t revision_ = -1;
  MonoTime first_{};
  size_t having_ = 0;
};

void Say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

// Until stdin closes.
void Live(std::vector<std::unique_ptr<HollowAgent>>& agents, Arrivals& arrivals) {
  const SystemClock clock;
  using Turn = std::pair<MonoTime, size_t>;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns;
  std::vector<std::optional<MonoTime>> due(agents.size());  // The one turn of each that counts.
  const auto step = [&](size_t i) {
    due[i] = agents[i]->Step(clock.Mono());
    if (due[i]) turns.emplace(*due[i], i);
  };
  for (size_t i = 0; i < agents.size(); ++i) step(i);

  size_t up = 0, sent = 0, told = 0, held = 0;
  std::vector<size_t> held_by(agents.size());
  MonoTime since = clock.Mono(), last_sent = since;
  Spreading spreading(agents.size());
  while (true) {
    const MonoTime now = clock.Mono();
    const auto wait = turns.empty() ? MonoTime::duration(100ms) : turns.top().first - now;
    for (const auto& [i, event] : arrivals.Wait(std::clamp<MonoTime::duration>(wait, 0ms, 100ms))) {
      const bool was_up = agents[i]->up();
      const size_t objects = agents[i]->Take(event, clock.Mono());
      if (objects > 0) last_sent = clock.Mono();
      if (const auto revision = agents[i]->TakeNetwork(event)) {
        spreading.OnRevision(*revision, clock.Mono());
      }
      sent += objects;
      held += agents[i]->held() - held_by[i];
      held_by[i] = agents[i]->held();
      if (was_up && !agents[i]->up() && up-- == agents.size()) {
        since = clock.Mono();
        Say("down");
      } else if (!was_up && agents[i]->up() && ++up == agents.size()) {
        Say(absl::StrCat("up ", std::chrono::duration<double>(clock.Mono() - since).count()));
      }
      step(i);
    }
    for (const MonoTime then = clock.Mono(); !turns.empty() && turns.top().first <= then;) {
      const auto [at, i] = turns.top();
      turns.pop();
      if (due[i] == at) step(i);
    }
    if (sent != told && clock.Mono() - last_sent > kQuiet) {
      Say(absl::StrCat("sent ", sent, " held ", held));
      told = sent;
    }
    pollfd in{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&in, 1, 0) != 0) return;
  }
}

int Main(const std::string& address, const std::string& token, const std::string& ca_hash,
         size_t count, bool with_network) {
  const absl::StatusOr<std::string> ca = pki::FetchCa(address, ca_hash, 10s);
  if (!ca.ok()) {
    std::fprintf(stderr, "error: %s\n", ca.status().ToString().c_str());
    return 1;
  }
  const Fleet fleet{address, *ca};
  std::vector<absl::StatusOr<pki::ClientIdentity>> identities(count,
                                                              absl::UnknownError("not joined"));
  std::vector<std::thread> joiners;
  for (size_t first = 0; first < kJoinersAtOnce; ++first) {
    joiners.emplace_back([&, first] {
      for (size_t i = first; i < count; i += kJoinersAtOnce) {
        identities[i] = Join(fleet, token, absl::StrCat("hollow-", i));
      }
    });
  }
  for (std::thread& joiner : joiners) joiner.join();
  Arrivals arrivals;
  std::vector<std::unique_ptr<HollowAgent>> agents;
  for (size_t i = 0; i < count; ++i) {
    if (!identities[i].ok()) {
      std::fprintf(stderr, "error: hollow-%zu: %s\n", i, identities[i].status().ToString().c_str());
      return 1;
    }
    agents.push_back(
        std::make_unique<HollowAgent>(fleet, *identities[i], i, with_network, arrivals));
  }
  Say("joined");
  Live(agents, arrivals);
  std::_Exit(0);  // Thousands of sessions end quicker with their process.
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) {
  uint64_t count = 0;
  const bool with_network = argc == 6 && std::string_view(argv[5]) == "--network";
  if ((argc != 5 && !with_network) || !absl::SimpleAtoi(argv[4], &count) || count == 0) {
    std::fprintf(stderr, "usage: %s ADDRESS TOKEN CA_HASH COUNT [--network]\n", argv[0]);
    return 64;
  }
  return muster::agent::Main(argv[1], argv[2], argv[3], count, with_network);
}
