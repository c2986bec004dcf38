// GrpcLink against a coordinator inside the test, over a unix socket.

#include "agent/link/grpc_link.h"

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <deque>
#include <memory>
#include <optional>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "muster/session/v1/session.grpc.pb.h"
#include "test/support/temp_dir.h"
#include "test/unit/agent/link/freezing_relay.h"

namespace muster::agent {
namespace {

using session::v1::FromAgent;
using session::v1::ToAgent;
using ServerStream = grpc::ServerReaderWriter<ToAgent, FromAgent>;

constexpr absl::Duration kLimit = absl::Seconds(20);

class ScriptedCoordinator final : public session::v1::AgentSession::Service {
 public:
  using Script = std::function<grpc::Status(grpc::ServerContext&, ServerStream&)>;

  void set_script(Script script) { script_ = std::move(script); }
  grpc::Status Session(grpc::ServerContext* context, ServerStream* stream) override {
    return script_(*context, *stream);
  }

 private:
  Script script_;
};

// The events of the link, waited for.
class Events {
 public:
  void Push(LinkEvent event) {
    absl::MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }
  std::optional<LinkEvent> NextOfAny() {
    absl::MutexLock lock(&mutex_);
    const auto some = [this] { return !events_.empty(); };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&some), kLimit)) return std::nullopt;
    LinkEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  // nullopt also when the next event is of another kind.
  template <typename T>
  std::optional<T> Next() {
    std::optional<LinkEvent> event = NextOfAny();
    T* wanted = event ? std::get_if<T>(&*event) : nullptr;
    return wanted == nullptr ? std::nullopt : std::make_optional(std::move(*wanted));
  }
  size_t size() {
    absl::MutexLock lock(&mutex_);
    return events_.size();
  }

 private:
  absl::Mutex mutex_;
  std::deque<LinkEvent> events_;
};

class GrpcLinkTest : public ::testing::Test {
 protected:
  void Serve(ScriptedCoordinator::Script script) {
    service_.set_script(std::move(script));
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  void TearDown() override {
    link_.reset();
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
  }

  void MakeLink(SessionChannel::Options options) {
    channel_ = std::make_unique<SessionChannel>(
        std::move(options), [this]() -> absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> {
          if (!credentials_error_.ok()) return credentials_error_;
          return grpc::InsecureChannelCredentials();
        });
    link_ = std::make_unique<GrpcLink>(*channel_,
                                       [this](LinkEvent event) { events_.Push(std::move(event)); });
  }
  GrpcLink& link() {
    if (!link_) MakeLink({.address = address_});
    return *link_;
  }

  TempDir directory_;
  const std::string address_ = "unix:" + directory_ / "coordinator.sock";
  absl::Status credentials_error_;
  ScriptedCoordinator service_;
  std::unique_ptr<grpc::Server> server_;
  Events events_;
  std::unique_ptr<SessionChannel> channel_;
  std::unique_ptr<GrpcLink> link_;
};

TEST_F(GrpcLinkTest, SaysHelloAndHandsOverWhatComesDown) {
  Serve([](grpc::ServerContext&, ServerStream& stream) {
    FromAgent hello;
    if (!stream.Read(&hello) || hello.hello().boot_id() != "boot") return grpc::Status::CANCELLED;
    ToAgent welcome;
    welcome.mutable_welcome()->set_heartbeat_interval_ms(5000);
    stream.Write(welcome);
    ToAgent assignment;
    assignment.mutable_assignment()->set_revision(3);
    stream.Write(assignment);
    FromAgent more;
    while (stream.Read(&more)) continue;
    return grpc::Status::OK;
  });
  LinkHello hello;
  hello.boot_id = "boot";
  link().Connect(hello);
  const auto welcome = events_.Next<LinkWelcome>();
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(welcome->heartbeat_interval, std::chrono::seconds(5));
  const auto assignment = events_.Next<LinkAssignment>();
  ASSERT_TRUE(assignment.has_value());
  EXPECT_EQ(assignment->revision, 3);
}

TEST_F(GrpcLinkTest, SendsInOrderAfterTheHello) {
  std::vector<FromAgent::MessageCase> seen;
  Serve([&](grpc::ServerContext&, ServerStream& stream) {
    FromAgent message;
    while (stream.Read(&message)) {
      seen.push_back(message.message_case());
      if (message.has_heartbeat()) break;
    }
    return grpc::Status::OK;
  });
  link().Connect({});
  link().SendNodeStatus({});
  link().SendPodReports({PodReport{"ns", "p", "uid", {}, false}});
  link().SendEvent({});
  link().SendHeartbeat();
  ASSERT_TRUE(events_.Next<LinkDown>().has_value());
  EXPECT_EQ(seen, (std::vector<FromAgent::MessageCase>{FromAgent::kHello, FromAgent::kNodeStatus,
                                                       FromAgent::kPodReports, FromAgent::kEvent,
                                                       FromAgent::kHeartbeat}));
}

TEST_F(GrpcLinkTest, AbsentCoordinatorIsDownAsUnavailable) {
  link().Connect({});
  const auto down = events_.Next<LinkDown>();
  ASSERT_TRUE(down.has_value());
  EXPECT_TRUE(absl::IsUnavailable(down->why)) << down->why;
}

TEST_F(GrpcLinkTest, ConnectsAgainAfterItWasDown) {
  link().Connect({});
  ASSERT_TRUE(events_.Next<LinkDown>().has_value());
  Serve([](grpc::ServerContext&, ServerStream& stream) {
    ToAgent welcome;
    welcome.mutable_welcome();
    stream.Write(welcome);
    FromAgent message;
    while (stream.Read(&message)) continue;
    return grpc::Status::OK;
  });
  // At once: no back-off of gRPC's own is in the way.
  link().Connect({});
  EXPECT_TRUE(events_.Next<LinkWelcome>().has_value());
}

TEST_F(GrpcLinkTest, ReasonOfTheCoordinatorIsKept) {
  Serve([](grpc::ServerContext&, ServerStream&) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "node n1 was removed");
  });
  link().Connect({});
  const auto down = events_.Next<LinkDown>();
  ASSERT_TRUE(down.has_value());
  EXPECT_EQ(down->why, absl::PermissionDeniedError("node n1 was removed"));
}

TEST_F(GrpcLinkTest, StreamEndedInPeaceIsDownToo) {
  Serve([](grpc::ServerContext&, ServerStream&) { return grpc::Status::OK; });
  link().Connect({});
  const auto down = events_.Next<LinkDown>();
  ASSERT_TRUE(down.has_value());
  EXPECT_TRUE(absl::IsUnavailable(down->why)) << down->why;
}

TEST_F(GrpcLinkTest, AfterDisconnectOnlyOneDownComes) {
  absl::Notification cancelled;
  Serve([&](grpc::ServerContext& context, ServerStream& stream) {
    // As fast as it can, so that there is always something on the way.
    ToAgent message;
    message.mutable_assignment();
    while (stream.Write(message)) continue;
    cancelled.Notify();
    return grpc::Status::OK;
  });
  link().Connect({});
  ASSERT_TRUE(events_.Next<LinkAssignment>().has_value());
  link().Disconnect();
  // All of these were there when Disconnect returned; the down may be too.
  const size_t before = events_.size();
  ASSERT_TRUE(cancelled.WaitForNotificationWithTimeout(kLimit));
  size_t messages = 0;
  std::optional<LinkEvent> event = events_.NextOfAny();
  for (; event && std::holds_alternative<LinkAssignment>(*event); event = events_.NextOfAny()) {
    ++messages;
  }
  EXPECT_LE(messages, before);
  ASSERT_TRUE(event && std::holds_alternative<LinkDown>(*event));
  EXPECT_TRUE(absl::IsCancelled(std::get<LinkDown>(*event).why));
  EXPECT_EQ(events_.size(), 0u);
}

TEST_F(GrpcLinkTest, SendingWithoutAStreamIsDropped) {
  link().SendHeartbeat();
  link().SendNodeStatus({});
  link().Disconnect();
  EXPECT_EQ(events_.size(), 0u);
}

TEST_F(GrpcLinkTest, DestructionEndsTheStreamWithoutAnEvent) {
  absl::Notification over;
  Serve([&](grpc::ServerContext&, ServerStream& stream) {
    ToAgent welcome;
    welcome.mutable_welcome();
    stream.Write(welcome);
    FromAgent message;
    while (stream.Read(&message)) continue;
    over.Notify();
    return grpc::Status::OK;
  });
  link().Connect({});
  ASSERT_TRUE(events_.Next<LinkWelcome>().has_value());
  link_.reset();
  EXPECT_TRUE(over.WaitForNotificationWithTimeout(kLimit));
  EXPECT_EQ(events_.size(), 0u);
}

TEST_F(GrpcLinkTest, DestructionWhileConnectingIsQuiet) {
  Serve([](grpc::ServerContext&, ServerStream& stream) {
    FromAgent message;
    while (stream.Read(&message)) continue;
    return grpc::Status::OK;
  });
  link().Connect({});
  link_.reset();
  EXPECT_EQ(events_.size(), 0u);
}

TEST_F(GrpcLinkTest, MissingCredentialsAreDownWithTheirReason) {
  credentials_error_ = absl::NotFoundError("/var/lib/muster/agent/node.crt is missing");
  link().Connect({});
  const auto down = events_.Next<LinkDown>();
  ASSERT_TRUE(down.has_value());
  EXPECT_TRUE(absl::IsNotFound(down->why)) << down->why;
}

TEST_F(GrpcLinkTest, SilentDeathOfTheOtherEndIsNoticed) {
  Serve([](grpc::ServerContext&, ServerStream& stream) {
    ToAgent welcome;
    welcome.mutable_welcome();
    stream.Write(welcome);
    FromAgent message;
    while (stream.Read(&message)) continue;
    return grpc::Status::OK;
  });
  // Nothing closes when the coordinator's machine loses power: what is sent just goes nowhere.
  FreezingRelay relay(directory_ / "relay.sock", directory_ / "coordinator.sock");
  MakeLink({.address = "unix:" + directory_ / "relay.sock",
            .keepalive_time = std::chrono::milliseconds(300),
            .keepalive_timeout = std::chrono::milliseconds(200)});
  link().Connect({});
  ASSERT_TRUE(events_.Next<LinkWelcome>().has_value());
  relay.Freeze();
  const auto down = events_.Next<LinkDown>();
  ASSERT_TRUE(down.has_value());
  EXPECT_TRUE(absl::IsUnavailable(down->why)) << down->why;
}

}  // namespace
}  // namespace muster::agent
