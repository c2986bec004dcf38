// TunnelServer and GrpcTunnelDialer against a coordinator inside the test.

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <poll.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "agent/tunnel/rpc/grpc_tunnel_dialer.h"
#include "agent/tunnel/tunnel_server.h"
#include "gtest/gtest.h"
#include "muster/session/v1/session.grpc.pb.h"
#include "test/fakes/fake_runtime.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

using session::v1::TunnelFromAgent;
using session::v1::TunnelToAgent;
using ServerStream = grpc::ServerReaderWriter<TunnelToAgent, TunnelFromAgent>;

constexpr absl::Duration kLimit = absl::Seconds(20);

// The coordinator's end: keeps what comes, in order, and runs a script meanwhile.
class CoordinatorEnd final : public session::v1::AgentSession::Service {
 public:
  using Script = std::function<void(ServerStream&)>;

  void set_script(Script script) { script_ = std::move(script); }

  grpc::Status Tunnel(grpc::ServerContext* context, ServerStream* stream) override {
    if (script_) script_(*stream);
    TunnelFromAgent message;
    while (stream->Read(&message)) {
      absl::MutexLock lock(&mutex_);
      messages_.push_back(message);
    }
    absl::MutexLock lock(&mutex_);
    ++ended_;
    return grpc::Status::OK;
  }

  void AwaitMessages(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto there = [&] { return messages_.size() >= count; };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&there), kLimit));
  }
  // All that came, once so many tunnels have ended.
  std::vector<TunnelFromAgent> AwaitEnd(int tunnels = 1) {
    absl::MutexLock lock(&mutex_);
    const auto ended = [&] { return ended_ >= tunnels; };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&ended), kLimit));
    return messages_;
  }

 private:
  Script script_;
  absl::Mutex mutex_;
  std::vector<TunnelFromAgent> messages_;
  int ended_ = 0;
};

class GrpcTunnelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&coordinator_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    ASSERT_TRUE(channel_.Renew().ok());
    std::filesystem::create_directories(directory_ / "logs/ns_pod_uid/main");
  }
  void TearDown() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string LogPath() { return directory_ / "logs/ns_pod_uid/main/0.log"; }
  static TunnelRequest Logs(const std::string& id) {
    TunnelRequest request;
    request.tunnel_id = id;
    request.container = "main";
    return request;
  }

  TempDir directory_;
  const std::string address_ = "unix:" + directory_ / "coordinator.sock";
  CoordinatorEnd coordinator_;
  std::unique_ptr<grpc::Server> server_;
  SessionChannel channel_{{.address = address_}, [] { return grpc::InsecureChannelCredentials(); }};
  GrpcTunnelDialer dialer_{channel_};
  ManualClock clock_;
  FakeRuntime runtime_{clock_};
};

TEST_F(GrpcTunnelTest, LogGoesThroughWholeAndEndsInPeace) {
  std::string expected;
  {
    std::ofstream log(LogPath());
    for (int i = 0; i < 20'000; ++i) {
      log << "2026-01-02T03:04:05Z stdout F line " << i << "\n";
      expected += "line " + std::to_string(i) + "\n";
    }
  }
  TunnelServer server({}, runtime_, clock_, dialer_);
  server.Serve(Logs("t1"), TunnelTarget{"c", LogPath(), false});
  const std::vector<TunnelFromAgent> messages = coordinator_.AwaitEnd();
  ASSERT_FALSE(messages.empty());
  EXPECT_EQ(messages[0].tunnel_id(), "t1");
  std::string log;
  for (size_t i = 1; i < messages.size(); ++i) {
    ASSERT_EQ(messages[i].message_case(), TunnelFromAgent::kStdout);
    log += messages[i].stdout();
  }
  EXPECT_EQ(log, expected);
}

TEST_F(GrpcTunnelTest, MissingLogIsAnErrorAtTheEnd) {
  TunnelServer server({}, runtime_, clock_, dialer_);
  server.Serve(Logs("t1"), TunnelTarget{"c", LogPath(), false});
  const std::vector<TunnelFromAgent> messages = coordinator_.AwaitEnd();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].error().code(), static_cast<int>(absl::StatusCode::kNotFound));
  EXPECT_EQ(messages[1].error().message(), "there is no log of container \"main\" at " + LogPath());
}

TEST_F(GrpcTunnelTest, WrongTargetIsToldToTheUser) {
  TunnelServer server({}, runtime_, clock_, dialer_);
  server.Serve(Logs("t1"), absl::NotFoundError("the pod is not on this node"));
  const std::vector<TunnelFromAgent> messages = coordinator_.AwaitEnd();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].tunnel_id(), "t1");
  EXPECT_EQ(messages[1].error().message(), "the pod is not on this node");
}

TEST_F(GrpcTunnelTest, TunnelsBeyondTheLimitAreRefused) {
  TunnelServer server({.tunnels_max = 0}, runtime_, clock_, dialer_);
  server.Serve(Logs("t1"), TunnelTarget{"c", LogPath(), false});
  const std::vector<TunnelFromAgent> messages = coordinator_.AwaitEnd();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].error().code(), static_cast<int>(absl::StatusCode::kResourceExhausted));
}

TEST_F(GrpcTunnelTest, TunnelsThatAreOverDoNotCount) {
  std::ofstream(LogPath()) << "2026-01-02T03:04:05Z stdout F x\n";
  TunnelServer server({.tunnels_max = 1}, runtime_, clock_, dialer_);
  for (int i = 1; i <= 5; ++i) {
    // The thread of the one before may need a moment after its last word.
    std::vector<TunnelFromAgent> messages;
    server.Serve(Logs("t"), TunnelTarget{"c", LogPath(), false});
    messages = coordinator_.AwaitEnd(i);
    ASSERT_FALSE(messages.empty());
  }
}

TEST_F(GrpcTunnelTest, InputComesInOrder) {
  coordinator_.set_script([](ServerStream& stream) {
    TunnelToAgent message;
    message.set_stdin("typed");
    stream.Write(message);
    message.set_terminal_size(uint64_t{80} << 32 | 24);
    stream.Write(message);
    message.set_stdin_closed(true);
    stream.Write(message);
  });
  std::unique_ptr<TunnelPeer> peer = dialer_.Dial("t1");
  const auto next = [&] {
    std::optional<TunnelInput> input;
    while (!input && !peer->gone()) {
      pollfd fd{peer->wake_fd(), POLLIN, 0};
      EXPECT_EQ(::poll(&fd, 1, 20'000), 1);
      input = peer->TakeInput();
    }
    return input.value_or(TunnelInput{});
  };
  EXPECT_EQ(next().stdin_bytes, "typed");
  const TunnelInput resized = next();
  ASSERT_TRUE(resized.resize.has_value());
  EXPECT_EQ(resized.resize->columns, 80u);
  EXPECT_EQ(resized.resize->rows, 24u);
  EXPECT_TRUE(next().stdin_closed);
  // Taken, so there is nothing to wake for.
  pollfd fd{peer->wake_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&fd, 1, 0), 0);
  peer->FinishExec(7);
  peer.reset();
  const std::vector<TunnelFromAgent> messages = coordinator_.AwaitEnd();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].exit_code(), 7);
}

TEST_F(GrpcTunnelTest, InputThatNobodyTakesHoldsTheUserBack) {
  std::atomic<int> written = 0;
  constexpr int kMessages = 2'000;
  coordinator_.set_script([&](ServerStream& stream) {
    TunnelToAgent message;
    message.set_stdin(std::string(16 << 10, 'x'));
    for (int i = 0; i < kMessages && stream.Write(message); ++i) ++written;
  });
  std::unique_ptr<TunnelPeer> peer = dialer_.Dial("t1");
  pollfd fd{peer->wake_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&fd, 1, 20'000), 1);
  size_t taken = 0;
  while (taken < size_t{kMessages} * (16 << 10)) {
    if (std::optional<TunnelInput> input = peer->TakeInput()) {
      // In front of the reader there is at most what its buffers and gRPC's windows hold.
      EXPECT_LT(written.load() * (16 << 10) - static_cast<int>(taken), 8 << 20);
      taken += input->stdin_bytes.size();
    } else {
      ASSERT_EQ(::poll(&fd, 1, 20'000), 1);
      ASSERT_FALSE(peer->gone());
    }
  }
  peer->Finish(absl::OkStatus());
}

TEST_F(GrpcTunnelTest, WhatIsNotKnownIsRefusedAndNotLeftUnanswered) {
  TunnelServer server({}, runtime_, clock_, dialer_);
  TunnelRequest request = Logs("t1");
  request.purpose = TunnelPurpose::kUnknown;
  server.Serve(request, TunnelTarget{});
  const std::vector<TunnelFromAgent> messages = coordinator_.AwaitEnd();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].error().code(), static_cast<int>(absl::StatusCode::kUnimplemented));
}

TEST_F(GrpcTunnelTest, EndOfOutputAndUsageAreMessagesOfTheirOwn) {
  std::unique_ptr<TunnelPeer> peer = dialer_.Dial("t1");
  NodeUsage usage;
  usage.containers.push_back({"u", "c", {7, std::nullopt}});
  usage.node.memory_bytes = 9;
  EXPECT_TRUE(peer->SendUsage(usage));
  EXPECT_TRUE(peer->SendStdoutEnd());
  peer->Finish(absl::OkStatus());
  peer.reset();
  const std::vector<TunnelFromAgent> messages = coordinator_.AwaitEnd();
  ASSERT_EQ(messages.size(), 3u);
  const session::v1::TunnelUsage& said = messages[1].usage();
  ASSERT_EQ(said.containers_size(), 1);
  EXPECT_EQ(said.containers(0).pod_uid() + said.containers(0).container(), "uc");
  EXPECT_EQ(said.containers(0).amount().cpu_nano_cores(), 7u);
  EXPECT_FALSE(said.containers(0).amount().has_memory_bytes());
  EXPECT_EQ(said.node().memory_bytes(), 9u);
  EXPECT_TRUE(messages[2].stdout_closed());
}

TEST_F(GrpcTunnelTest, OutputThatTheUserDoesNotTakeIsHeldBackWithoutWaiting) {
  absl::Notification read_on;
  coordinator_.set_script([&](ServerStream&) { read_on.WaitForNotification(); });
  std::unique_ptr<TunnelPeer> peer = dialer_.Dial("t1");
  const std::string piece(32 << 10, 'x');
  constexpr size_t kPieces = 1'000;
  size_t sent = 0;
  const auto may_send = [&](int limit_ms) {
    while (!peer->CanSend()) {
      pollfd fd{peer->send_fd(), POLLIN, 0};
      if (::poll(&fd, 1, limit_ms) == 0) return false;
    }
    return true;
  };
  while (sent < kPieces && may_send(300)) {
    ASSERT_TRUE(peer->SendStdout(piece));
    ++sent;
  }
  EXPECT_LT(sent, size_t{12 << 20} / piece.size());
  // Nobody is woken while nothing goes.
  pollfd fd{peer->send_fd(), POLLIN, 0};
  EXPECT_FALSE(peer->CanSend());
  EXPECT_EQ(::poll(&fd, 1, 0), 0);
  read_on.Notify();
  while (sent < kPieces && may_send(20'000)) {
    ASSERT_TRUE(peer->SendStdout(piece));
    ++sent;
  }
  EXPECT_EQ(sent, kPieces);
  peer->Finish(absl::OkStatus());
  peer.reset();
  EXPECT_EQ(coordinator_.AwaitEnd().size(), kPieces + 1);
}

TEST_F(GrpcTunnelTest, UserWhoLeavesIsNoticed) {
  absl::Notification sent;
  coordinator_.set_script([&](ServerStream&) { sent.Notify(); });
  std::unique_ptr<TunnelPeer> peer = dialer_.Dial("t1");
  ASSERT_TRUE(sent.WaitForNotificationWithTimeout(kLimit));
  server_->Shutdown(std::chrono::system_clock::now());
  pollfd fd{peer->wake_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&fd, 1, 20'000), 1);
  EXPECT_TRUE(peer->gone());
  fd.fd = peer->send_fd();
  EXPECT_EQ(::poll(&fd, 1, 20'000), 1);
  EXPECT_TRUE(peer->CanSend());
  EXPECT_FALSE(peer->SendStdout("x"));
  peer->Finish(absl::OkStatus());
}

TEST_F(GrpcTunnelTest, DestructionOfTheServerEndsAFollow) {
  std::ofstream(LogPath()) << "2026-01-02T03:04:05Z stdout F x\n";
  TunnelRequest request = Logs("t1");
  request.follow = true;
  {
    TunnelServer server({}, runtime_, clock_, dialer_);
    server.Serve(request, TunnelTarget{"c", LogPath(), true});
    coordinator_.AwaitMessages(2);
  }
  (void)coordinator_.AwaitEnd();
}

TEST_F(GrpcTunnelTest, WithoutAConnectionThereIsNoTunnel) {
  SessionChannel channel({.address = address_}, [] { return grpc::InsecureChannelCredentials(); });
  GrpcTunnelDialer dialer(channel);
  EXPECT_EQ(dialer.Dial("t1"), nullptr);
  dialer.Refuse("t1", absl::NotFoundError("x"));
}

}  // namespace
}  // namespace muster::agent
