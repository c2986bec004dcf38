#include "agent/link/translate.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using session::v1::ToAgent;

TEST(LinkTranslate, HelloTellsWhatTheAgentHolds) {
  LinkHello hello;
  hello.agent_version = "0.1.0";
  hello.boot_id = "boot";
  hello.known = {{"pods/default/a", 7}, {"secrets/default/s", 9}};
  hello.node_status.mutable_node_info()->set_kernel_version("6.1");
  const session::v1::FromAgent message = HelloMessage(hello);
  ASSERT_TRUE(message.has_hello());
  EXPECT_EQ(message.hello().agent_version(), "0.1.0");
  EXPECT_EQ(message.hello().boot_id(), "boot");
  EXPECT_EQ(message.hello().known_size(), 2);
  EXPECT_EQ(message.hello().known().at("secrets/default/s"), 9);
  EXPECT_EQ(message.hello().node_status().node_info().kernel_version(), "6.1");
}

TEST(LinkTranslate, WelcomeKeepsTheAgentsIntervalWhenItNamesNone) {
  ToAgent message;
  message.mutable_welcome()->set_coordinator_version("0.2.0");
  message.mutable_welcome()->mutable_node()->mutable_metadata()->set_name("n1");
  LinkWelcome welcome = std::get<LinkWelcome>(*EventFrom(message));
  EXPECT_EQ(welcome.heartbeat_interval, std::chrono::seconds(10));
  EXPECT_EQ(welcome.coordinator_version, "0.2.0");
  EXPECT_EQ(welcome.node.metadata().name(), "n1");
  message.mutable_welcome()->set_heartbeat_interval_ms(2500);
  welcome = std::get<LinkWelcome>(*EventFrom(message));
  EXPECT_EQ(welcome.heartbeat_interval, std::chrono::milliseconds(2500));
}

TEST(LinkTranslate, AssignmentIsTakenOverWhole) {
  ToAgent message;
  message.mutable_assignment()->add_upserted()->mutable_pod()->mutable_metadata()->set_name("p");
  message.mutable_assignment()->add_removed("pods/default/old");
  message.mutable_assignment()->set_complete(true);
  message.mutable_assignment()->set_revision(42);
  const LinkAssignment assignment = std::get<LinkAssignment>(*EventFrom(message));
  ASSERT_EQ(assignment.upserted.size(), 1u);
  EXPECT_EQ(assignment.upserted[0].pod().metadata().name(), "p");
  EXPECT_EQ(assignment.removed, std::vector<std::string>{"pods/default/old"});
  EXPECT_TRUE(assignment.complete);
  EXPECT_EQ(assignment.revision, 42);
}

TEST(LinkTranslate, LogsWithoutLimitsHaveNone) {
  ToAgent message;
  message.mutable_open_tunnel()->set_tunnel_id("t");
  session::v1::TunnelLogs* logs = message.mutable_open_tunnel()->mutable_logs();
  logs->set_pod_uid("u");
  logs->set_container("c");
  TunnelRequest request = std::get<TunnelRequest>(*EventFrom(message));
  EXPECT_EQ(request.tunnel_id, "t");
  EXPECT_EQ(request.pod_uid, "u");
  EXPECT_EQ(request.container, "c");
  EXPECT_EQ(request.purpose, TunnelPurpose::kLogs);
  EXPECT_EQ(request.tail_lines, -1);
  EXPECT_EQ(request.since_seconds, -1);
  EXPECT_EQ(request.limit_bytes, -1);
  EXPECT_EQ(request.since_unix_ns, -1);

  // Zero is a limit too: kubectl logs --tail=0 -f shows only what is new.
  logs->set_tail_lines(0);
  logs->set_since_seconds(60);
  logs->set_limit_bytes(100);
  logs->set_since_unix_ns(7);
  logs->set_follow(true);
  logs->set_previous(true);
  logs->set_timestamps(true);
  request = std::get<TunnelRequest>(*EventFrom(message));
  EXPECT_EQ(request.tail_lines, 0);
  EXPECT_EQ(request.since_seconds, 60);
  EXPECT_EQ(request.limit_bytes, 100);
  EXPECT_EQ(request.since_unix_ns, 7);
  EXPECT_TRUE(request.follow && request.previous && request.timestamps);
}

TEST(LinkTranslate, ExecCarriesItsCommand) {
  ToAgent message;
  session::v1::TunnelExec* exec = message.mutable_open_tunnel()->mutable_exec();
  exec->set_pod_uid("u");
  exec->add_command("sh");
  exec->add_command("-c");
  exec->set_stdin(true);
  exec->set_tty(true);
  const TunnelRequest request = std::get<TunnelRequest>(*EventFrom(message));
  EXPECT_EQ(request.purpose, TunnelPurpose::kExec);
  EXPECT_TRUE(request.stdin && request.tty);
  EXPECT_EQ(request.command, (std::vector<std::string>{"sh", "-c"}));
}

TEST(LinkTranslate, AttachForwardAndStatsAreTakenOver) {
  ToAgent message;
  session::v1::TunnelAttach* attach = message.mutable_open_tunnel()->mutable_attach();
  attach->set_pod_uid("u");
  attach->set_container("c");
  attach->set_tty(true);
  TunnelRequest request = std::get<TunnelRequest>(*EventFrom(message));
  EXPECT_EQ(request.purpose, TunnelPurpose::kAttach);
  EXPECT_EQ(request.pod_uid + request.container, "uc");
  EXPECT_TRUE(request.tty && !request.stdin);

  session::v1::TunnelPortForward* forward = message.mutable_open_tunnel()->mutable_port_forward();
  forward->set_pod_uid("u");
  forward->set_port(80);
  request = std::get<TunnelRequest>(*EventFrom(message));
  EXPECT_EQ(request.purpose, TunnelPurpose::kPortForward);
  EXPECT_EQ(request.pod_uid, "u");
  EXPECT_EQ(request.port, 80);

  session::v1::TunnelStats* stats = message.mutable_open_tunnel()->mutable_stats();
  stats->add_pod_uids("u1");
  stats->add_pod_uids("u2");
  stats->set_node(true);
  request = std::get<TunnelRequest>(*EventFrom(message));
  EXPECT_EQ(request.purpose, TunnelPurpose::kStats);
  EXPECT_EQ(request.pod_uids, (std::vector<std::string>{"u1", "u2"}));
  EXPECT_TRUE(request.node);
}

TEST(LinkTranslate, HelloTellsWhichTunnelsTheAgentServes) {
  const session::v1::FromAgent message = HelloMessage({});
  EXPECT_EQ((std::vector<std::string>{message.hello().tunnels().begin(),
                                      message.hello().tunnels().end()}),
            (std::vector<std::string>{"logs", "exec", "attach", "port_forward", "stats"}));
}

TEST(LinkTranslate, RemovalOfTheNodeIsTold) {
  ToAgent message;
  message.mutable_node_removed();
  EXPECT_TRUE(std::holds_alternative<LinkNodeRemoved>(*EventFrom(message)));
}

TEST(LinkTranslate, WhatANewerCoordinatorSaysIsPassedOver) {
  EXPECT_FALSE(EventFrom(ToAgent()).has_value());
}

// Whoever waits for it has to hear that it is not known.
TEST(LinkTranslate, TunnelForWhatANewerCoordinatorWantsHasAnUnknownPurpose) {
  ToAgent tunnel;
  tunnel.mutable_open_tunnel()->set_tunnel_id("t");
  const TunnelRequest request = std::get<TunnelRequest>(*EventFrom(tunnel));
  EXPECT_EQ(request.tunnel_id, "t");
  EXPECT_EQ(request.purpose, TunnelPurpose::kUnknown);
}

TEST(LinkTranslate, WhomToTrust) {
  session::v1::ToAgent message;
  message.mutable_trust()->set_ca_pem("bundle");
  message.mutable_trust()->set_issuer_hash("sha256:new");
  const std::optional<LinkEvent> event = EventFrom(message);
  ASSERT_TRUE(event && std::holds_alternative<LinkTrust>(*event));
  EXPECT_EQ(std::get<LinkTrust>(*event).ca_pem, "bundle");
  EXPECT_EQ(std::get<LinkTrust>(*event).issuer_hash, "sha256:new");
  LinkHello hello;
  hello.trusted_cas = {"sha256:old", "sha256:new"};
  const session::v1::FromAgent sent = HelloMessage(hello);
  ASSERT_EQ(sent.hello().trusted_cas_size(), 2);
  EXPECT_EQ(sent.hello().trusted_cas(1), "sha256:new");
}

}  // namespace
}  // namespace muster::agent
