#include "agent/loop/link_keeper.h"

#include <algorithm>
#include <utility>

namespace muster::agent {

using std::chrono::milliseconds;

std::optional<MonoTime> LinkKeeper::Step(MonoTime now,
                                         const std::function<LinkHello()>& make_hello) {
  if (now < next_) return next_;
  switch (state_) {
    case State::kDown:
      state_ = State::kConnecting;
      tried_at_ = now;
      next_ = now + options_.welcome_within;
      link_.Connect(make_hello());
      break;
    case State::kConnecting:
      // Its LinkDown starts the next try. It may come at once or not at all, so look again.
      next_ = now + options_.welcome_within;
      link_.Disconnect();
      break;
    case State::kUp:
      next_ = now + heartbeat_;
      link_.SendHeartbeat();
      break;
  }
  return next_;
}

void LinkKeeper::OnWelcome(const LinkWelcome& welcome, MonoTime now) {
  state_ = State::kUp;
  failures_ = 0;
  slow_failures_ = 0;
  down_since_.reset();
  if (welcome.heartbeat_interval > milliseconds(0)) heartbeat_ = welcome.heartbeat_interval;
  next_ = now + heartbeat_;
}

void LinkKeeper::Reopen(MonoTime now) {
  if (state_ == State::kDown) {
    next_ = now;
    return;
  }
  reopening_ = true;
  // Not up: what is reported from now on waits for the next session.
  state_ = State::kConnecting;
  next_ = now + options_.welcome_within;
  link_.Disconnect();
}

void LinkKeeper::OnDown(MonoTime now) {
  if (state_ == State::kDown) return;
  if (std::exchange(reopening_, false)) {
    state_ = State::kDown;
    next_ = now;
    return;
  }
  if (state_ == State::kConnecting && now - tried_at_ > options_.slow) ++slow_failures_;
  state_ = State::kDown;
  if (!down_since_) down_since_ = now;
  const int64_t most = LongestWait(now).count();
  ++failures_;
  next_ = now + milliseconds(std::uniform_int_distribution<int64_t>(0, most)(dice_));
}

milliseconds LinkKeeper::LongestWait(MonoTime now) const {
  const auto doubled = [this](int times) {
    milliseconds wait = options_.backoff_first;
    for (int i = 0; i < times && wait < options_.backoff_ceiling; ++i) wait *= 2;
    return wait;
  };
  const auto outage = std::chrono::duration_cast<milliseconds>(now - *down_since_);
  if (slow_failures_ == 0 && outage < options_.upgrade) return options_.backoff_first;
  milliseconds ceiling = std::max(options_.backoff_restart, outage / 8);
  if (slow_failures_ > 0) ceiling = std::max(ceiling, doubled(slow_failures_ + 2));
  return std::min({doubled(failures_), ceiling, options_.backoff_ceiling});
}

}  // namespace muster::agent
