#include "agent/link/translate.h"

#include <iterator>
#include <utility>

namespace muster::agent {
namespace {

using session::v1::ToAgent;

LinkWelcome WelcomeFrom(session::v1::Welcome message) {
  LinkWelcome welcome;
  // Without one the agent's own default stands.
  if (message.heartbeat_interval_ms() > 0) {
    welcome.heartbeat_interval = std::chrono::milliseconds(message.heartbeat_interval_ms());
  }
  welcome.coordinator_version = std::move(*message.mutable_coordinator_version());
  welcome.node = std::move(*message.mutable_node());
  return welcome;
}

LinkAssignment AssignmentFrom(session::v1::Assignment message) {
  LinkAssignment assignment;
  assignment.upserted.assign(std::make_move_iterator(message.mutable_upserted()->begin()),
                             std::make_move_iterator(message.mutable_upserted()->end()));
  assignment.removed.assign(message.removed().begin(), message.removed().end());
  assignment.complete = message.complete();
  assignment.revision = message.revision();
  return assignment;
}

TunnelRequest TunnelFrom(const session::v1::OpenTunnel& message) {
  TunnelRequest request;
  request.tunnel_id = message.tunnel_id();
  if (message.has_exec()) {
    const session::v1::TunnelExec& exec = message.exec();
    request.is_exec = true;
    request.pod_uid = exec.pod_uid();
    request.container = exec.container();
    request.command.assign(exec.command().begin(), exec.command().end());
    request.stdin = exec.stdin();
    request.tty = exec.tty();
    return request;
  }
  const session::v1::TunnelLogs& logs = message.logs();
  request.pod_uid = logs.pod_uid();
  request.container = logs.container();
  request.follow = logs.follow();
  request.previous = logs.previous();
  request.timestamps = logs.timestamps();
  if (logs.has_tail_lines()) request.tail_lines = logs.tail_lines();
  if (logs.has_since_seconds()) request.since_seconds = logs.since_seconds();
  if (logs.has_limit_bytes()) request.limit_bytes = logs.limit_bytes();
  return request;
}

}  // namespace

session::v1::FromAgent HelloMessage(const LinkHello& hello) {
  session::v1::FromAgent message;
  session::v1::Hello* sent = message.mutable_hello();
  sent->set_agent_version(hello.agent_version);
  sent->set_boot_id(hello.boot_id);
  sent->mutable_known()->insert(hello.known.begin(), hello.known.end());
  *sent->mutable_node_status() = hello.node_status;
  return message;
}

std::optional<LinkEvent> EventFrom(ToAgent message) {
  switch (message.message_case()) {
    case ToAgent::kWelcome:
      return WelcomeFrom(std::move(*message.mutable_welcome()));
    case ToAgent::kAssignment:
      return AssignmentFrom(std::move(*message.mutable_assignment()));
    case ToAgent::kOpenTunnel:
      // One of a purpose that this version does not know cannot be served.
      if (message.open_tunnel().purpose_case() == session::v1::OpenTunnel::PURPOSE_NOT_SET) {
        return std::nullopt;
      }
      return TunnelFrom(message.open_tunnel());
    case ToAgent::kNodeRemoved:
      return LinkNodeRemoved{};
    case ToAgent::MESSAGE_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace muster::agent
