#include "agent/loop/event_feed.h"

#include <algorithm>
#include <utility>

#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

// One that lasts this long without an end is taken to be one: a refusal comes within milliseconds.
constexpr seconds kSettled{2};
// One that lasted this long has recovered from its breaks.
constexpr seconds kSteady{60};
constexpr seconds kRetryFirst{1}, kRetryCeiling{30};
constexpr int kBreaksMax = 5;

}  // namespace

// Shared with callbacks on other threads.
struct EventFeed::Stream {
  MonoTime since{};
  bool told = false;                 // An event came. Loop thread only.
  std::atomic<bool> posted = false;  // A look was asked for and not begun.
};

EventFeed::EventFeed(RuntimeEvents* events, const Clock& clock, std::shared_ptr<NodeInbox> inbox,
                     RuntimeView& view)
    : events_(events), clock_(clock), inbox_(std::move(inbox)), view_(view) {}

EventFeed::~EventFeed() { *alive_ = false; }

std::optional<MonoTime> EventFeed::Step(MonoTime now) {
  if (events_ == nullptr) return std::nullopt;
  // A runtime that is away, or not seen yet, tells nothing; the one that comes may have events.
  if (!view_.status().ok()) {
    given_up_ = false;
    breaks_ = 0;
    next_ = now;
    return std::nullopt;
  }
  if (stream_ != nullptr) {
    if (!up_ && (stream_->told || now - stream_->since >= kSettled)) {
      up_ = true;
      spdlog::info("the container runtime tells of what happens in it");
    }
    if (up_) return std::nullopt;
    return stream_->since + kSettled;
  }
  if (given_up_) return std::nullopt;
  if (now >= next_) Open(now);
  return stream_ != nullptr ? stream_->since + kSettled : next_;
}

void EventFeed::Open(MonoTime now) {
  stream_ = std::make_shared<Stream>();
  stream_->since = now;
  events_->WatchEvents(
      [this, alive = alive_, inbox = inbox_, stream = stream_](const RuntimeEvent&) {
        if (stream->posted.exchange(true)) return;
        inbox->Post(std::function<void()>([this, alive, stream] {
          // Before the look: what happens from here on needs another one.
          stream->posted = false;
          if (!*alive) return;
          stream->told = true;
          breaks_ = 0;
          view_.RequestList();
        }));
      },
      [this, alive = alive_, inbox = inbox_](absl::Status why) {
        inbox->Post(std::function<void()>([this, alive, why = std::move(why)] {
          if (*alive) OnEnd(why);
        }));
      });
}

void EventFeed::OnEnd(const absl::Status& why) {
  if (stream_ == nullptr) return;
  const MonoTime now = clock_.Mono();
  const bool steady = now - stream_->since >= kSteady;
  const bool was_up = std::exchange(up_, false);
  stream_.reset();
  // What was not told since is seen by looking.
  view_.RequestList();
  if (absl::IsUnimplemented(why)) {
    given_up_ = true;
    spdlog::debug("the container runtime has no events: {}", std::string(why.message()));
    return;
  }
  breaks_ = steady ? 1 : breaks_ + 1;
  given_up_ = breaks_ > kBreaksMax;
  next_ = now + std::min(kRetryFirst * (1 << std::min(breaks_ - 1, 10)), kRetryCeiling);
  if (given_up_) {
    spdlog::warn("the events of the container runtime break off again and again, doing without: {}",
                 std::string(why.message()));
  } else if (was_up) {
    spdlog::info("the events of the container runtime broke off: {}", std::string(why.message()));
  }
}

}  // namespace muster::agent
