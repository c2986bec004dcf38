// How long agents are believed, and how their sealing keys are replaced.
#include "common/model/node_key.h"
#include "test/unit/coordinator/session/session_hub_fixture.h"

namespace muster::coordinator {
namespace {

TEST_F(SessionHubTest, ASessionEndsWithItsCertificate) {
  PutNode("n2");
  Agent agent, renewed;
  agent.id = ++last_id_;
  hub_.Post(SessionOpened{agent.id, "n1", agent.peer, "", "", clock_.Wall() + 60s});
  Say(agent, [] {
    FromAgent hello;
    hello.mutable_hello();
    return hello;
  }());
  renewed.id = ++last_id_;
  hub_.Post(SessionOpened{renewed.id, "n2", renewed.peer, "", "", clock_.Wall() + 120s});
  FromAgent hello;
  hello.mutable_hello();
  Say(renewed, hello);
  FromAgent beat;
  beat.mutable_heartbeat();
  for (int i = 0; i < 59; ++i) {  // It is heard all the time.
    clock_.Advance(1s);
    Say(agent, beat);
    Say(renewed, beat);
  }
  clock_.Advance(1s - 1ns);
  Settle();
  EXPECT_FALSE(agent.peer->finished);
  clock_.Advance(1ns);
  Settle();
  ASSERT_TRUE(agent.peer->finished);
  EXPECT_TRUE(absl::IsUnauthenticated(*agent.peer->finished)) << *agent.peer->finished;
  EXPECT_FALSE(renewed.peer->finished);
  // The clock of the machine was put forward, which no timer notices.
  clock_.JumpWall(1h);
  Say(renewed, beat);
  EXPECT_TRUE(renewed.peer->finished);
}

TEST_F(SessionHubTest, ASessionOfACaThatIsNoLongerTrustedIsCut) {
  PutNode("n2");
  const auto connect = [this](const std::string& node, const std::string& ca) {
    Agent agent;
    agent.id = ++last_id_;
    hub_.Post(SessionOpened{agent.id, node, agent.peer, "", ca});
    FromAgent hello;
    hello.mutable_hello();
    Say(agent, hello);
    return agent;
  };
  const Agent late = connect("n1", "old"), good = connect("n2", "new");
  hub_.Post(TrustChanged{TrustIn("new"), {"old", "new"}});
  Settle();
  EXPECT_FALSE(late.peer->finished);
  hub_.Post(TrustChanged{TrustIn("new"), {"new"}});
  Settle();
  ASSERT_TRUE(late.peer->finished);
  EXPECT_TRUE(absl::IsUnauthenticated(*late.peer->finished));
  EXPECT_FALSE(good.peer->finished);
}

class SealingKeyTest : public SessionHubTest {
 protected:
  Agent Connect(const std::string& key) {
    Agent agent;
    agent.id = ++last_id_;
    hub_.Post(SessionOpened{agent.id, "n1", agent.peer});
    FromAgent hello;
    hello.mutable_hello()->set_sealing_key_id(key);
    Say(agent, hello);
    return agent;
  }
  void Tell(const Agent& agent, const std::string& key, const std::string& problem = "") {
    FromAgent message;
    message.mutable_sealing_key()->set_id(key);
    message.mutable_sealing_key()->set_problem(problem);
    Say(agent, message);
  }
  std::string Note(const char* annotation) {
    const v1::Node node = Node("n1");
    const auto found = node.metadata().annotations().find(annotation);
    return found == node.metadata().annotations().end() ? "" : found->second;
  }
  void Ask(const std::string& key) {
    v1::Object node = *objects_.Get(v1::Object::kNode, "", "n1");
    (*node.mutable_node()
          ->mutable_metadata()
          ->mutable_annotations())[model::kReplaceSealingKeyAnnotation] = key;
    Put(node);
    Settle();
  }
  // The keys that the agent was asked to replace, all in all.
  std::vector<std::string> Asked(Agent& agent) {
    std::vector<std::string> keys;
    while (std::optional<ToAgent> message = Next(agent)) {
      if (message->has_replace_sealing_key()) keys.push_back(message->replace_sealing_key().id());
    }
    return keys;
  }
};

TEST_F(SealingKeyTest, IsNotedAndReplacedWhenThatIsAskedFor) {
  Agent agent = Connect("k1");
  EXPECT_EQ(Note(model::kSealingKeyAnnotation), "k1");
  EXPECT_THAT(Asked(agent), IsEmpty());
  Ask("k1");
  EXPECT_THAT(Asked(agent), ElementsAre("k1"));
  Tell(agent, "k2");
  EXPECT_EQ(Note(model::kSealingKeyAnnotation), "k2");
  EXPECT_EQ(Note(model::kReplaceSealingKeyAnnotation), "");
  EXPECT_THAT(Asked(agent), IsEmpty());
  Ask("k2");
  EXPECT_THAT(Asked(agent), ElementsAre("k2"));
}

TEST_F(SealingKeyTest, ANodeThatWasOffIsAskedWhenItComesBack) {
  Connect("k1");
  Ask("k1");
  Agent agent = Connect("k1");
  EXPECT_THAT(Asked(agent), ElementsAre("k1"));
  // It had done so, and could not say it.
  Agent again = Connect("k2");
  EXPECT_EQ(Note(model::kReplaceSealingKeyAnnotation), "");
}

TEST_F(SealingKeyTest, WhyItIsNotReplacedIsNoted) {
  Agent agent = Connect("k1");
  Ask("k1");
  Tell(agent, "k1", "it is a credential");
  EXPECT_EQ(Note(model::kSealingKeyProblemAnnotation), "it is a credential");
  EXPECT_EQ(Note(model::kReplaceSealingKeyAnnotation), "k1");
  EXPECT_THAT(Asked(agent), ElementsAre("k1")) << "once in a session";
  Agent next = Connect("k1");
  EXPECT_THAT(Asked(next), ElementsAre("k1"));
  Tell(next, "k2");
  EXPECT_EQ(Note(model::kSealingKeyProblemAnnotation), "");
}

TEST_F(SealingKeyTest, AnAgentThatCannotIsNotAsked) {
  Agent agent = Connect("");
  EXPECT_EQ(Note(model::kSealingKeyAnnotation), "");
  Ask("k1");
  EXPECT_THAT(Asked(agent), IsEmpty());
  Tell(agent, "k2");
  EXPECT_EQ(Note(model::kSealingKeyAnnotation), "");
}

}  // namespace
}  // namespace muster::coordinator
