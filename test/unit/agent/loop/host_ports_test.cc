// Host ports in the whole loop: what they lead to while pods come and go, and when those that go
// are stopped.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kPort = 8080;

v1::Object Daemon(const std::string& name, const std::string& uid, bool zero_gap = true) {
  v1::Object object = PodObject(name, uid);
  v1::ObjectMeta& meta = *object.mutable_pod()->mutable_metadata();
  if (zero_gap) (*meta.mutable_annotations())["muster.dev/zero-gap"] = "true";
  v1::OwnerReference& owner = *meta.add_owner_references();
  owner.set_kind("DaemonSet");
  owner.set_uid("daemon-set");
  owner.set_controller(true);
  v1::Container& container = *object.mutable_pod()->mutable_spec()->mutable_containers(0);
  v1::ContainerPort& port = *container.add_ports();
  port.set_container_port(80);
  port.set_host_port(kPort);
  v1::Probe& probe = *container.mutable_readiness_probe();
  probe.mutable_http_get()->mutable_port()->set_int_value(80);
  probe.set_period_seconds(1);
  probe.set_failure_threshold(1);
  return object;
}

class HostPortsTest : public testing::Test {
 protected:
  HostPortsTest() {
    node_.with_network = true;
    node_.RestartAgent();
    node_.prober.Decides([this](const NetCall& call) {
      ProbeAnswer answer;
      if (!ready_.contains(std::get<HttpCall>(call).host))
        answer.kind = ProbeAnswer::Kind::kFailure;
      return answer;
    });
    node_.Settle();
  }

  void BecomesReady(const std::string& uid) {
    ready_.insert(node_.Status(uid).pod_ip());
    node_.Run(seconds(2));
  }
  void CeasesToBeReady(const std::string& uid) {
    ready_.erase(node_.Status(uid).pod_ip());
    node_.Run(seconds(2));
  }
  // The old one is ready and the port leads to it; the new one is there and is not.
  void Surge() {
    node_.Welcome({old_});
    node_.Run(seconds(1));
    BecomesReady("old");
    node_.Assign({new_});
    node_.Run(seconds(2));
    ASSERT_EQ(node_.runtime.running_containers(), 2);
    ASSERT_EQ(node_.network.LedTo(kPort), "old");
  }
  bool Runs(const std::string& uid) {
    const std::string id = node_.runtime.FindContainer(uid, "web");
    return !id.empty() && node_.runtime.world().IsRunning(id);
  }
  size_t MappingsOf(const std::string& uid) const {
    for (const SandboxStatus& sandbox : node_.runtime.sandboxes()) {
      const SandboxConfig* config = node_.runtime.sandbox_config(sandbox.id);
      if (config != nullptr && config->uid == uid) return config->port_mappings.size();
    }
    return 99;
  }

  NodeHarness node_;
  std::set<std::string> ready_;
  v1::Object old_ = Daemon("web-old", "old"), new_ = Daemon("web-new", "new");
};

TEST_F(HostPortsTest, OldAndNewPodOfADaemonSetRunBesideEachOther) {
  Surge();
  EXPECT_EQ(MappingsOf("old"), 0u) << "the runtime leads nobody there";
  EXPECT_EQ(node_.network.wish.runtime_has_some, false);
  BecomesReady("new");
  EXPECT_EQ(node_.network.LedTo(kPort), "new");
}

TEST_F(HostPortsTest, APodThatNeverBecomesReadyTakesNothingOver) {
  Surge();
  node_.Run(seconds(60));
  EXPECT_EQ(node_.network.LedTo(kPort), "old");
  // And when the new one was ready, it goes back while the old one is there.
  BecomesReady("new");
  CeasesToBeReady("new");
  EXPECT_EQ(node_.network.LedTo(kPort), "old");
}

TEST_F(HostPortsTest, TheOldOneIsStoppedOnlyWhenThePortLeadsElsewhere) {
  Surge();
  node_.network.Hold();
  BecomesReady("new");
  node_.Assign({Deleted(old_, 30)});
  node_.Run(seconds(3));
  EXPECT_TRUE(Runs("old")) << "the rules are not there yet";
  node_.network.Release();
  node_.Settle();
  EXPECT_TRUE(Runs("old")) << "what came in the last moment is still served";
  node_.Run(kHostPortSettles - milliseconds(1));
  EXPECT_THAT(node_.runtime.journal(), Not(Contains(HasSubstr("StopContainer"))));
  node_.Run(milliseconds(1));
  EXPECT_THAT(node_.runtime.journal(), Contains(HasSubstr("StopContainer")));
}

TEST_F(HostPortsTest, ForHowLongWhenTheRulesNeverCome) {
  Surge();
  node_.network.Hold();
  BecomesReady("new");
  node_.runtime.ClearJournal();
  node_.Assign({Deleted(old_, 30)});
  node_.Run(kHostPortPatience - milliseconds(1));
  EXPECT_THAT(node_.runtime.journal(), Not(Contains(HasSubstr("StopContainer"))));
  node_.Run(milliseconds(1));
  EXPECT_THAT(node_.runtime.journal(), Contains(HasSubstr("StopContainer")));
}

TEST_F(HostPortsTest, NobodyTakesOverSoNobodyWaits) {
  Surge();  // The new one is not ready.
  node_.runtime.ClearJournal();
  node_.Assign({Deleted(old_, 30)});
  EXPECT_THAT(node_.runtime.journal(), Contains(HasSubstr("StopContainer")));
  node_.Run(seconds(60));
  EXPECT_EQ(node_.network.LedTo(kPort), "new") << "it is the only one";
  node_.Assign({Deleted(new_, 1)}, {"pods/ns/web-old"});
  node_.Run(seconds(40));
  EXPECT_THAT(node_.network.wish.table, IsEmpty());
}

TEST_F(HostPortsTest, AnotherAgentFindsTheSameAndTouchesNothing) {
  Surge();
  BecomesReady("new");
  const HostPortWish before = node_.network.wish;
  node_.prober.Hold();  // It has asked nobody yet.
  node_.RestartAgent();
  const int asked = node_.network.asked;
  node_.Run(seconds(2));
  EXPECT_EQ(node_.network.wish, before);
  EXPECT_EQ(node_.network.asked, asked + 1);
  // What goes is kept until it is known where the port leads.
  node_.KillAgent();
  node_.network.Hold();
  node_.StartAgent();
  node_.Settle();
  node_.Welcome({Deleted(old_, 30)});
  node_.Run(seconds(1));
  EXPECT_TRUE(Runs("old"));
  node_.network.Release();
  node_.Run(seconds(40));
  EXPECT_FALSE(Runs("old"));
}

TEST_F(HostPortsTest, ThePodsOfTheRuntimeGiveWayToThoseOfTheAgent) {
  old_ = Daemon("web-old", "old", false);
  node_.Welcome({old_});
  node_.Run(seconds(1));
  BecomesReady("old");
  EXPECT_EQ(MappingsOf("old"), 1u);
  EXPECT_THAT(node_.network.wish.table, IsEmpty());
  EXPECT_TRUE(node_.network.wish.runtime_has_some);
  node_.Assign({new_});
  node_.Run(seconds(2));
  EXPECT_EQ(node_.network.LedTo(kPort), "old");
  BecomesReady("new");
  EXPECT_EQ(node_.network.LedTo(kPort), "new");
}

TEST_F(HostPortsTest, WithoutZeroGapTheyClash) {
  old_ = Daemon("web-old", "old", false);
  new_ = Daemon("web-new", "new", false);
  node_.Welcome({old_});
  node_.Run(seconds(1));
  node_.Assign({new_});
  node_.Run(seconds(1));
  EXPECT_EQ(node_.Status("new").reason(), "NodePorts");
}

TEST_F(HostPortsTest, AFailureIsToldAndTriedAgain) {
  node_.network.answer = absl::UnavailableError("no such thing");
  node_.Welcome({old_});
  node_.Run(seconds(1));
  BecomesReady("old");
  const int asked = node_.network.asked;
  EXPECT_THAT(node_.Events(), Contains("HostPortsNotLed"));
  node_.Run(seconds(25));
  EXPECT_GE(node_.network.asked, asked + 2);
  EXPECT_LE(node_.network.asked, asked + 3);
  node_.network.answer = absl::OkStatus();
  node_.Run(seconds(11));
  const int last = node_.network.asked;
  node_.Run(seconds(60));
  EXPECT_EQ(node_.network.asked, last);
}

TEST_F(HostPortsTest, WhatIsToBeTriedAgainWaitsUntilAllPodsAreKnown) {
  node_.network.answer = absl::UnavailableError("no such thing");
  node_.Welcome({old_});
  node_.Run(seconds(1));
  BecomesReady("old");
  // A pod comes that nothing is known of, since the runtime does not answer.
  node_.runtime.set_available(false);
  node_.Run(seconds(2));
  node_.Assign({new_});
  const int asked = node_.network.asked;
  node_.Run(seconds(30));  // And comes to rest in between.
  node_.runtime.set_available(true);
  node_.network.answer = absl::OkStatus();
  node_.Run(seconds(30));
  EXPECT_GT(node_.network.asked, asked);
  EXPECT_EQ(node_.network.LedTo(kPort), "old");
}

TEST_F(HostPortsTest, APortThatAProcessOfTheHostHasIsWaitedFor) {
  node_.host.listening = {{"TCP", kPort}};
  node_.Welcome({old_});
  node_.Run(seconds(5));
  EXPECT_EQ(node_.runtime.running_containers(), 0);
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty()) << "it was found before anything was made";
  std::vector<std::string> said;
  for (const v1::Event& event : node_.link->events()) said.push_back(event.message());
  EXPECT_THAT(said, Contains(HasSubstr("host port 8080/TCP is taken: a process of this host "
                                       "listens there")));
  node_.host.listening.clear();
  node_.Run(seconds(15));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

// As a cache of names that listens at an address of its own, where the agent listens at another.
TEST_F(HostPortsTest, InTheNetworkOfTheHostWhoListensIsForTheDaemonToFindOut) {
  node_.host.listening = {{"TCP", kPort}};
  old_.mutable_pod()->mutable_spec()->set_host_network(true);
  node_.Welcome({old_});
  node_.Run(seconds(5));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

}  // namespace
}  // namespace muster::agent
