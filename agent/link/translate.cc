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

void TakeLogs(const session::v1::TunnelLogs& logs, TunnelRequest& request) {
  request.purpose = TunnelPurpose::kLogs;
  request.pod_uid = logs.pod_uid();
  request.container = logs.container();
  request.follow = logs.follow();
  request.previous = logs.previous();
  request.timestamps = logs.timestamps();
  if (logs.has_tail_lines()) request.tail_lines = logs.tail_lines();
  if (logs.has_since_seconds()) request.since_seconds = logs.since_seconds();
  if (logs.has_limit_bytes()) request.limit_bytes = logs.limit_bytes();
  if (logs.has_since_unix_ns()) request.since_unix_ns = logs.since_unix_ns();
}

// Of exec and attach.
template <typename Message>
void TakeProcess(const Message& message, TunnelRequest& request) {
  request.pod_uid = message.pod_uid();
  request.container = message.container();
  request.stdin = message.stdin();
  request.tty = message.tty();
}

TunnelRequest TunnelFrom(const session::v1::OpenTunnel& message) {
  using session::v1::OpenTunnel;
  TunnelRequest request;
  request.tunnel_id = message.tunnel_id();
  switch (message.purpose_case()) {
    case OpenTunnel::kLogs:
      TakeLogs(message.logs(), request);
      break;
    case OpenTunnel::kExec:
      request.purpose = TunnelPurpose::kExec;
      TakeProcess(message.exec(), request);
      request.command.assign(message.exec().command().begin(), message.exec().command().end());
      break;
    case OpenTunnel::kAttach:
      request.purpose = TunnelPurpose::kAttach;
      TakeProcess(message.attach(), request);
      break;
    case OpenTunnel::kPortForward:
      request.purpose = TunnelPurpose::kPortForward;
      request.pod_uid = message.port_forward().pod_uid();
      request.port = message.port_forward().port();
      break;
    case OpenTunnel::kStats:
      request.purpose = TunnelPurpose::kStats;
      request.pod_uids.assign(message.stats().pod_uids().begin(), message.stats().pod_uids().end());
      request.node = message.stats().node();
      break;
    case OpenTunnel::PURPOSE_NOT_SET:
      request.purpose = TunnelPurpose::kUnknown;
      break;
  }
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
  sent->mutable_trusted_cas()->Assign(hello.trusted_cas.begin(), hello.trusted_cas.end());
  sent->set_sealing_key_id(hello.sealing_key_id);
  if (hello.network_revision) sent->set_network_revision(*hello.network_revision);
  const auto* purposes = session::v1::OpenTunnel::descriptor()->FindOneofByName("purpose");
  for (int i = 0; i < purposes->field_count(); ++i) sent->add_tunnels(purposes->field(i)->name());
  return message;
}

std::optional<LinkEvent> EventFrom(ToAgent message) {
  switch (message.message_case()) {
    case ToAgent::kWelcome:
      return WelcomeFrom(std::move(*message.mutable_welcome()));
    case ToAgent::kAssignment:
      return AssignmentFrom(std::move(*message.mutable_assignment()));
    case ToAgent::kOpenTunnel:
      return TunnelFrom(message.open_tunnel());
    case ToAgent::kNodeRemoved:
      return LinkNodeRemoved{};
    case ToAgent::kTrust:
      return LinkTrust{std::move(*message.mutable_trust()->mutable_ca_pem()),
                       std::move(*message.mutable_trust()->mutable_issuer_hash())};
    case ToAgent::kNetwork:
      return LinkNetwork{std::move(*message.mutable_network())};
    case ToAgent::kReplaceSealingKey:
      return LinkReplaceSealingKey{std::move(*message.mutable_replace_sealing_key()->mutable_id())};
    case ToAgent::MESSAGE_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace muster::agent
