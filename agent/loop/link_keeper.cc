#include "agent/loop/link_keeper.h"

#include <algorithm>

namespace muster::agent {

using std::chrono::milliseconds;

std::optional<MonoTime> LinkKeeper::Step(MonoTime now,
                                         const std::function<LinkHello()>& make_hello) {
  if (now < next_) return next_;
  switch (state_) {
    case State::kDown:
      state_ = State::kConnecting;
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
  if (welcome.heartbeat_interval > milliseconds(0)) heartbeat_ = welcome.heartbeat_interval;
  next_ = now + heartbeat_;
}

void LinkKeeper::OnDown(MonoTime now) {
  if (state_ == State::kDown) return;
  state_ = State::kDown;
  milliseconds most = options_.backoff_first;
  for (int i = 0; i < failures_ && most < options_.backoff_ceiling; ++i) most *= 2;
  most = std::min(most, options_.backoff_ceiling);
  ++failures_;
  next_ = now + milliseconds(std::uniform_int_distribution<int64_t>(0, most.count())(dice_));
}

}  // namespace muster::agent
