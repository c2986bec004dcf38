// The part of SessionHub that says how much of it one node may have.

#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/session/session_record.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {

absl::Status SessionHub::CheckOpened(const std::string& node) {
  int& waiting = without_hello_[node];
  if (waiting < options_.without_hello_max) {
    ++waiting;
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("node \"", node, "\" has ", waiting,
                   " sessions open that have not said hello; try again when they are over"));
}

void SessionHub::NoMoreWithoutHello(Session& session) {
  if (!std::exchange(session.without_hello, false)) return;
  const auto found = without_hello_.find(session.node);
  if (--found->second == 0) without_hello_.erase(found);
}

absl::Status SessionHub::CheckSize(const Session& session,
                                   const session::v1::FromAgent& message) const {
  const size_t size = message.ByteSizeLong();
  if (size <= options_.message_bytes_max) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("node \"", session.node, "\" sent a message of ",
                                                   size, " bytes; ", options_.message_bytes_max,
                                                   " are the most"));
}

// Who says too much is heard later, not less: what it has to say waits in its own connection.
void SessionHub::ReadNext(Session& session, MonoTime now) {
  const std::optional<Duration> wait = session.messages.Take(options_.messages, now);
  if (!wait) return session.peer->ReadNext();
  held_.emplace(now + *wait, session.id);
}

std::optional<MonoTime> SessionHub::ReadHeld(MonoTime now) {
  while (!held_.empty() && held_.begin()->first <= now) {
    Session* session = Find(held_.extract(held_.begin()).mapped());
    if (session != nullptr && session->state == Session::State::kActive) ReadNext(*session, now);
  }
  if (held_.empty()) return std::nullopt;
  return held_.begin()->first;
}

}  // namespace muster::coordinator
