// How much of the coordinator one agent may have.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/model/kinds.h"
#include "common/model/node_key.h"
#include "coordinator/session/agent_events.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using session::v1::FromAgent;
using session::v1::ToAgent;
using ::testing::HasSubstr;

class Peer final : public SessionPeer {
 public:
  void Write(ToAgent) override {}
  void ReadNext() override { ++reads; }
  void Finish(absl::Status why) override { finished = std::move(why); }

  int reads = 0;
  std::optional<absl::Status> finished;
};

class SessionLimitsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"loud", "quiet"}) {
      v1::Object node = model::NewObject(*model::FindKind(v1::Object::kNode));
      model::MutableMetadataOf(node).set_name(name);
      (*model::MutableMetadataOf(node).mutable_annotations())[model::kNodeKeyHashAnnotation] =
          "key";
      ObjectTransaction transaction;
      transaction.Create(std::move(node));
      ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
    }
    hub_ = std::make_unique<SessionHub>(store_, clock_, events_, options_, [] {});
    ASSERT_TRUE(hub_->Start().ok());
  }
  std::shared_ptr<Peer> Open(SessionId id, const std::string& node) {
    auto peer = std::make_shared<Peer>();
    hub_->Post(SessionOpened{id, node, peer, "key"});
    hub_->Step();
    return peer;
  }
  std::shared_ptr<Peer> Begin(SessionId id, const std::string& node) {
    std::shared_ptr<Peer> peer = Open(id, node);
    FromAgent hello;
    hello.mutable_hello();
    hub_->Post(SessionReceived{id, std::move(hello)});
    hub_->Step();
    return peer;
  }
  void Beat(SessionId id) {
    FromAgent message;
    message.mutable_heartbeat();
    hub_->Post(SessionReceived{id, std::move(message)});
  }

  SessionHub::Options options_{
      .messages = {10, 5}, .message_bytes_max = 10'000, .without_hello_max = 2};
  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  AgentEvents events_{store_, clock_, AgentEvents::Options{}};
  std::unique_ptr<SessionHub> hub_;
};

TEST_F(SessionLimitsTest, WhoSaysTooMuchIsHeardLaterAndNotLess) {
  const std::shared_ptr<Peer> loud = Begin(1, "loud"), quiet = Begin(2, "quiet");
  // Each message only comes when it was asked for, as with gRPC.
  EXPECT_EQ(loud->reads, 2) << "one for the hello, and one for what comes next";
  for (int sent = 1; sent < loud->reads && sent < 100; ++sent) {
    Beat(1);
    hub_->Step();
  }
  EXPECT_EQ(loud->reads, 6) << "the hello, and five at once";
  // The other one is asked at once all the time.
  const int before = quiet->reads;
  Beat(2);
  hub_->Step();
  EXPECT_EQ(quiet->reads, before + 1);
  // From now on it is asked as often as the rate says; the hub wakes for it.
  for (int i = 0; i < 20; ++i) {
    const int reads = loud->reads;
    const std::optional<MonoTime> wake = hub_->Step();
    ASSERT_TRUE(wake.has_value());
    ASSERT_LE(*wake - clock_.Mono(), 100ms);
    clock_.Advance(100ms);
    hub_->Step();
    ASSERT_EQ(loud->reads, reads + 1) << i;
    Beat(1);
    hub_->Step();
    ASSERT_EQ(loud->reads, reads + 1) << i;
  }
  EXPECT_FALSE(loud->finished);
}

TEST_F(SessionLimitsTest, ALargeMessageCountsAsMany) {
  options_.message_bytes_max = 1 << 20;
  hub_ = std::make_unique<SessionHub>(store_, clock_, events_, options_, [] {});
  ASSERT_TRUE(hub_->Start().ok());
  const std::shared_ptr<Peer> loud = Begin(1, "loud");
  ASSERT_EQ(loud->reads, 2);
  FromAgent message;
  // Eight times 64 KiB: more than the five that it may have at once.
  message.mutable_event()->set_message(std::string(512 << 10, 'x'));
  hub_->Post(SessionReceived{1, std::move(message)});
  const std::optional<MonoTime> wake = hub_->Step();
  EXPECT_EQ(loud->reads, 2) << "nothing more is taken of it for now";
  ASSERT_TRUE(wake.has_value());
  EXPECT_GT(*wake - clock_.Mono(), 300ms);
  EXPECT_LE(*wake - clock_.Mono(), 600ms);
  clock_.Advance(600ms);
  hub_->Step();
  EXPECT_EQ(loud->reads, 3);
  EXPECT_FALSE(loud->finished);
}

TEST_F(SessionLimitsTest, AMessageThatIsTooLargeEndsTheSession) {
  const std::shared_ptr<Peer> loud = Begin(1, "loud");
  FromAgent message;
  message.mutable_event()->set_message(std::string(20'000, 'x'));
  hub_->Post(SessionReceived{1, std::move(message)});
  hub_->Step();
  ASSERT_TRUE(loud->finished);
  EXPECT_EQ(loud->finished->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(loud->finished->ToString(), HasSubstr("10000 are the most"));
}

TEST_F(SessionLimitsTest, SessionsThatSayNothingAreCounted) {
  const std::shared_ptr<Peer> first = Open(1, "loud"), second = Open(2, "loud");
  const std::shared_ptr<Peer> third = Open(3, "loud");
  EXPECT_FALSE(first->finished || second->finished);
  ASSERT_TRUE(third->finished);
  EXPECT_EQ(third->finished->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(Open(4, "quiet")->finished) << "another node's are its own";
  // One that breaks, or says hello, makes room.
  hub_->Post(SessionBroken{1});
  hub_->Step();
  EXPECT_FALSE(Open(5, "loud")->finished);
  FromAgent hello;
  hello.mutable_hello();
  hub_->Post(SessionReceived{2, std::move(hello)});
  hub_->Step();
  EXPECT_FALSE(Open(6, "loud")->finished);
}

}  // namespace
}  // namespace muster::coordinator
