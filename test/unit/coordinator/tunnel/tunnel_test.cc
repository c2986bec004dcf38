#include "coordinator/tunnel/tunnel.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

class TunnelBrokerTest : public ::testing::Test {
 protected:
  std::shared_ptr<Tunnel> Open(const std::string& node = "n1") {
    session::v1::OpenTunnel request;
    request.mutable_logs()->set_pod_uid("u");
    return broker_.Open(node, request);
  }
  // What a waiting user's call hears in the end.
  static std::optional<absl::Status> EndOf(Tunnel& tunnel) {
    std::optional<absl::Status> end;
    tunnel.from_agent().Pull([&](std::optional<session::v1::TunnelFromAgent> frame) {
      if (!frame) end = tunnel.why();
    });
    tunnel.Close(absl::OkStatus());
    return end;
  }

  ManualClock clock_;
  std::string asked_node_;
  session::v1::OpenTunnel asked_;
  std::function<void(absl::Status)> refused_;
  TunnelBroker broker_{clock_, 15s,
                       [this](const std::string& node, session::v1::OpenTunnel request,
                              std::function<void(absl::Status)> refused) {
                         asked_node_ = node;
                         asked_ = std::move(request);
                         refused_ = std::move(refused);
                       }};
};

TEST_F(TunnelBrokerTest, AsksTheNodeAndPairsItsCallById) {
  const std::shared_ptr<Tunnel> tunnel = Open();
  EXPECT_EQ(asked_node_, "n1");
  EXPECT_EQ(asked_.logs().pod_uid(), "u");
  EXPECT_EQ(asked_.tunnel_id().size(), 32u);
  absl::StatusOr<std::shared_ptr<Tunnel>> accepted = broker_.Accept("n1", asked_.tunnel_id());
  ASSERT_TRUE(accepted.ok());
  EXPECT_EQ(*accepted, tunnel);
}

TEST_F(TunnelBrokerTest, ATunnelIsAcceptedOnceAndByItsNodeOnly) {
  Open();
  EXPECT_EQ(broker_.Accept("n2", asked_.tunnel_id()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(broker_.Accept("n1", asked_.tunnel_id()).ok());
  EXPECT_EQ(broker_.Accept("n1", asked_.tunnel_id()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(broker_.Accept("n1", "").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TunnelBrokerTest, EveryTunnelHasAnotherId) {
  Open();
  const std::string first = asked_.tunnel_id();
  Open();
  EXPECT_NE(first, asked_.tunnel_id());
}

TEST_F(TunnelBrokerTest, ARefusalReachesTheUser) {
  const std::shared_ptr<Tunnel> tunnel = Open();
  refused_(absl::UnavailableError("node \"n1\" is not connected"));
  EXPECT_EQ(EndOf(*tunnel), absl::UnavailableError("node \"n1\" is not connected"));
  EXPECT_FALSE(broker_.Accept("n1", asked_.tunnel_id()).ok());
}

TEST_F(TunnelBrokerTest, AnAgentThatDoesNotAnswerIsGivenUpAfterTheWait) {
  const std::shared_ptr<Tunnel> tunnel = Open();
  EXPECT_EQ(broker_.Expire(), clock_.Mono() + 15s);
  clock_.Advance(15s - 1ns);
  EXPECT_TRUE(broker_.Expire().has_value());
  EXPECT_TRUE(tunnel->why().ok());
  clock_.Advance(1ns);
  EXPECT_EQ(broker_.Expire(), std::nullopt);
  EXPECT_EQ(tunnel->why(), absl::DeadlineExceededError("node \"n1\" did not answer within 15 s"));
  EXPECT_FALSE(broker_.Accept("n1", asked_.tunnel_id()).ok());
}

TEST_F(TunnelBrokerTest, AnAcceptedTunnelDoesNotExpire) {
  const std::shared_ptr<Tunnel> tunnel = Open();
  ASSERT_TRUE(broker_.Accept("n1", asked_.tunnel_id()).ok());
  clock_.Advance(1h);
  EXPECT_EQ(broker_.Expire(), std::nullopt);
  EXPECT_TRUE(tunnel->why().ok());
}

TEST_F(TunnelBrokerTest, ATunnelEndsWithTheCertificateThatItWasOpenedWith) {
  const std::shared_ptr<Tunnel> tunnel = Open();
  ASSERT_TRUE(broker_.Accept("n1", asked_.tunnel_id(), clock_.Wall() + 1h).ok());
  clock_.Advance(1h - 1ns);
  broker_.Expire();
  EXPECT_TRUE(tunnel->why().ok());
  clock_.Advance(1ns);
  broker_.Expire();
  EXPECT_TRUE(absl::IsUnauthenticated(tunnel->why())) << tunnel->why();
}

TEST_F(TunnelBrokerTest, AllOfANodeEndWhenItIsNotTrustedAnyMore) {
  const std::shared_ptr<Tunnel> accepted = Open();
  ASSERT_TRUE(broker_.Accept("n1", asked_.tunnel_id()).ok());
  const std::shared_ptr<Tunnel> waits = Open(), other = Open("n2");
  ASSERT_TRUE(broker_.Accept("n2", asked_.tunnel_id()).ok());
  broker_.CloseAllOf("n1", absl::UnauthenticatedError("revoked"));
  EXPECT_EQ(accepted->why(), absl::UnauthenticatedError("revoked"));
  EXPECT_EQ(waits->why(), absl::UnauthenticatedError("revoked"));
  EXPECT_TRUE(other->why().ok());
}

TEST_F(TunnelBrokerTest, ThoseThatAreOverAreForgotten) {
  // A leak would be seen by the sanitizers; that no live one is forgotten is seen here.
  const std::shared_ptr<Tunnel> stays = Open();
  ASSERT_TRUE(broker_.Accept("n1", asked_.tunnel_id()).ok());
  for (int i = 0; i < 1'000; ++i) {
    Open();
    ASSERT_TRUE(broker_.Accept("n1", asked_.tunnel_id()).ok());
  }
  broker_.CloseAllOf("n1", absl::UnauthenticatedError("revoked"));
  EXPECT_TRUE(absl::IsUnauthenticated(stays->why()));
}

TEST(Tunnel, TheFirstReasonToCloseCountsForBothEnds) {
  Tunnel tunnel;
  bool agent_heard = false;
  tunnel.to_agent().Pull(
      [&](std::optional<session::v1::TunnelToAgent> frame) { agent_heard = !frame.has_value(); });
  tunnel.Close(absl::CancelledError("the user left"));
  tunnel.Close(absl::OkStatus());
  EXPECT_TRUE(agent_heard);
  EXPECT_EQ(tunnel.why(), absl::CancelledError("the user left"));
}

}  // namespace
}  // namespace muster::coordinator
