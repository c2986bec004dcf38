#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <random>

#include "agent/link/link.h"
#include "common/base/clock.h"

namespace muster::agent {

// Keeps the session open: connects, heartbeats, and after a break waits a random part of a growing
// time (full jitter) before it tries again.
//
// How long depends on what was met. Nobody there (refused at once) is cheap to ask, and an upgrade
// of the coordinator is over in a second or two: until then the wait is half a second at most, for
// some seconds more 1.5 s, and then an eighth of the outage. Somebody who took the connection and
// did not get to answer is overwhelmed, by thousands like us: then the wait doubles from try to
// try. Loop thread only. What the stream carries is not its business.
class LinkKeeper {
 public:
  struct Options {
    std::chrono::milliseconds backoff_first{500};
    std::chrono::milliseconds upgrade{4'000};  // While the outage may be just that.
    std::chrono::milliseconds backoff_restart{1'500};
    std::chrono::milliseconds backoff_ceiling{30'000};
    // A try that failed after longer than this was not refused.
    std::chrono::milliseconds slow{1'000};
    // A stream that is open but stays silent is given up.
    std::chrono::milliseconds welcome_within{20'000};
    uint64_t seed = 0;
  };

  LinkKeeper(Link& link, const Options& options)
      : link_(link), options_(options), dice_(options.seed) {}

  // Connects or heartbeats when it is time; returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now, const std::function<LinkHello()>& make_hello);

  void OnWelcome(const LinkWelcome& welcome, MonoTime now);
  void OnDown(MonoTime now);

  // Ends the session and begins another one at once: there is a new certificate to do it with. What
  // is still under way of the old one is no failure.
  void Reopen(MonoTime now);
  // Until the old session is down.
  bool reopening() const { return reopening_; }

  // The coordinator answered our hello.
  bool up() const { return state_ == State::kUp; }
  bool connecting() const { return state_ == State::kConnecting; }

 private:
  enum class State { kDown, kConnecting, kUp };

  std::chrono::milliseconds LongestWait(MonoTime now) const;

  Link& link_;
  const Options options_;
  std::mt19937_64 dice_;
  State state_ = State::kDown;
  bool reopening_ = false;
  int failures_ = 0, slow_failures_ = 0;  // Since it was up.
  std::optional<MonoTime> down_since_;    // None before the first failure.
  MonoTime tried_at_{};
  MonoTime next_{};  // The next try, the end of patience, or the next heartbeat.
  std::chrono::milliseconds heartbeat_{10'000};
};

}  // namespace muster::agent
