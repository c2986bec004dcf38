// pod-lifecycle.md, 20: the pods of a host that goes down; 3: admission meanwhile.
#include "agent/loop/shutdown_keeper.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int32_t kCritical = 2'000'000'000;

class ShutdownKeeperTest : public ::testing::Test {
 protected:
  ShutdownKeeperTest() {
    h.shutdown = SimpleShutdown(seconds(30), seconds(10));
    h.RestartAgent();
    h.Settle();
  }

  static v1::Object Pod(const std::string& uid, int32_t priority = 0) {
    v1::Object object = PodObject("pod-" + uid, uid);
    object.mutable_pod()->mutable_spec()->set_priority(priority);
    return object;
  }
  static v1::Object Stubborn(const std::string& uid, int32_t priority = 0) {
    v1::Object object = Pod(uid, priority);
    object.mutable_pod()->mutable_spec()->set_termination_grace_period_seconds(600);
    object.mutable_pod()->mutable_spec()->mutable_containers(0)->set_command(0, "stubborn");
    return object;
  }
  void Shutdown(bool goes_down = true) {
    h.loop->NoticeShutdown(goes_down);
    h.loop->Step();
    h.Settle();
  }
  bool Runs(const std::string& uid) {
    const std::string id = h.runtime.FindContainer(uid, "web");
    return std::ranges::any_of(h.runtime.containers(), [&id](const ContainerStatus& status) {
      return status.id == id && status.state == ContainerState::kRunning;
    });
  }
  v1::NodeCondition Ready() const {
    const v1::NodeStatus status = h.link->node_statuses().empty() ? h.link->hello().node_status
                                                                  : h.link->node_statuses().back();
    for (const v1::NodeCondition& condition : status.conditions()) {
      if (condition.type() == "Ready") return condition;
    }
    return {};
  }

  NodeHarness h;
};

// Spec: pod/20/result
TEST_F(ShutdownKeeperTest, PodsAreStoppedAndSayWhyAndTheNodeIsNotReady) {
  h.Welcome({Pod("a")});
  h.Run(seconds(5));
  ASSERT_TRUE(Runs("a"));
  EXPECT_FALSE(h.loop->shutdown_over());
  Shutdown();
  h.Run(seconds(1));
  EXPECT_FALSE(Runs("a"));
  EXPECT_TRUE(h.loop->shutdown_over());
  EXPECT_EQ(h.Status("a").phase(), "Failed");
  EXPECT_EQ(h.Status("a").reason(), "Terminated");
  EXPECT_EQ(h.Status("a").message(), "Pod was terminated in response to imminent node shutdown.");
  EXPECT_EQ(Ready().status(), "False");
  EXPECT_EQ(Ready().reason(), "KubeletNotReady");
  EXPECT_EQ(Ready().message(), "node is shutting down");
  EXPECT_THAT(h.loop->StatusLine(), HasSubstr("node is shutting down"));
}

TEST_F(ShutdownKeeperTest, LastWordsAreThereBeforeAndAfterTheBoot) {
  h.Welcome({Pod("a")});
  h.Run(seconds(5));
  Shutdown();
  h.Run(minutes(2));
  EXPECT_THAT(h.runtime.containers(), SizeIs(1));
  h.refuse_connects = true;
  h.runtime.Reboot();
  h.host.facts.boot_id = "boot-2";
  h.RestartAgent();
  h.Run(minutes(2));
  EXPECT_TRUE(Runs("a"));
  EXPECT_THAT(h.runtime.containers(), SizeIs(2)) << "that of before the boot is there for its log";
}

TEST_F(ShutdownKeeperTest, NothingIsKeptOnAHostThatStays) {
  h.Welcome({Pod("a")});
  h.Run(seconds(5));
  Shutdown();
  h.Run(seconds(5));
  EXPECT_THAT(h.runtime.containers(), SizeIs(1));
  Shutdown(false);
  h.Run(seconds(30));
  EXPECT_THAT(h.runtime.containers(), IsEmpty());
}

// Spec: pod/3/shutdown
TEST_F(ShutdownKeeperTest, WhatComesMeanwhileIsRefused) {
  h.Welcome({});
  h.Run(seconds(5));
  Shutdown();
  EXPECT_TRUE(h.loop->shutdown_over());
  h.Assign({Pod("new")});
  h.Run(seconds(5));
  EXPECT_FALSE(Runs("new"));
  EXPECT_EQ(h.Status("new").phase(), "Failed");
  EXPECT_EQ(h.Status("new").reason(), "NodeShutdown");
  EXPECT_EQ(h.Status("new").message(), "Pod was rejected as the node is shutting down.");
}

// Spec: pod/20/order
TEST_F(ShutdownKeeperTest, CriticalPodsGoLastAndStubbornOnesInTheTimeThereIs) {
  h.runtime.InstallProgram("stubborn", {.on_term = std::nullopt});
  h.Welcome({Stubborn("a"), Stubborn("s", kCritical), Pod("t", kCritical)});
  h.Run(seconds(5));
  Shutdown();
  h.Run(seconds(19));
  EXPECT_TRUE(Runs("a"));
  EXPECT_TRUE(Runs("t")) << "its turn has not come";
  h.Run(seconds(2));
  EXPECT_FALSE(Runs("a"));
  EXPECT_FALSE(Runs("t"));
  EXPECT_TRUE(Runs("s"));
  EXPECT_FALSE(h.loop->shutdown_over());
  h.Run(seconds(10));
  EXPECT_FALSE(Runs("s"));
  EXPECT_TRUE(h.loop->shutdown_over());
}

TEST_F(ShutdownKeeperTest, WithNoRuntimeTheHostWaitsUntilTheTurnIsOver) {
  h.Welcome({Pod("a")});
  h.Run(seconds(5));
  h.runtime.set_available(false);
  Shutdown();
  h.Run(seconds(19));
  EXPECT_FALSE(h.loop->shutdown_over());
  h.Run(seconds(2));
  EXPECT_TRUE(h.loop->shutdown_over());
}

TEST_F(ShutdownKeeperTest, PodThatIsBeingDeletedSlowlyHasNoMoreTimeThanTheOthers) {
  h.runtime.InstallProgram("stubborn", {.on_term = std::nullopt});
  h.Welcome({Stubborn("a")});
  h.Run(seconds(5));
  h.Assign({Deleted(Stubborn("a"), 600)});
  h.Run(seconds(1));
  Shutdown();
  h.Run(seconds(21));
  EXPECT_FALSE(Runs("a"));
  EXPECT_TRUE(h.loop->shutdown_over());
}

TEST_F(ShutdownKeeperTest, AHostThatStaysTakesPodsAgainAndRunsItsStaticOnes) {
  const TempDir directory;
  std::ofstream(directory / "s.yaml")
      << "apiVersion: v1\nkind: Pod\nmetadata: {name: s}\nspec:\n  containers:\n"
         "  - {name: web, image: 'img:1', command: [serve]}\n";
  h.static_pod_dir = directory.path();
  h.RestartAgent();
  h.Settle();
  h.Welcome({Pod("a")});
  h.Run(seconds(5));
  const auto running = [this] {
    int count = 0;
    for (const ContainerStatus& status : h.runtime.containers()) {
      count += status.state == ContainerState::kRunning ? 1 : 0;
    }
    return count;
  };
  ASSERT_EQ(running(), 2);
  Shutdown();
  h.Run(seconds(5));
  ASSERT_EQ(running(), 0);
  ASSERT_TRUE(h.loop->shutdown_over());
  Shutdown(false);
  h.Run(seconds(5));
  EXPECT_EQ(running(), 1) << "the static one";
  EXPECT_FALSE(h.loop->shutdown_over());
  EXPECT_EQ(Ready().status(), "True");
  EXPECT_EQ(h.Status("a").phase(), "Failed") << "that is for the coordinator to replace";
  h.Assign({Pod("b")}, {"pods/ns/pod-a"});
  h.Run(seconds(5));
  EXPECT_TRUE(Runs("b"));
}

// Whoever starts the host again without a coordinator has nobody to make new pods.
TEST_F(ShutdownKeeperTest, AfterTheNextBootTheDaemonsRunAlsoWithoutACoordinator) {
  v1::Object refused = Pod("refused");
  refused.mutable_pod()->mutable_status()->set_phase("Failed");
  refused.mutable_pod()->mutable_status()->set_reason("NodeShutdown");
  v1::Object evicted = Pod("evicted");
  evicted.mutable_pod()->mutable_status()->set_phase("Failed");
  evicted.mutable_pod()->mutable_status()->set_reason("Evicted");
  h.Welcome({Pod("a"), refused, evicted});
  h.Run(seconds(5));
  Shutdown();
  h.Run(seconds(5));
  h.KillAgent();
  h.runtime.Reboot();
  h.host.facts.boot_id = "another";
  h.refuse_connects = true;
  h.StartAgent();
  h.Run(seconds(5));
  EXPECT_TRUE(Runs("a"));
  EXPECT_TRUE(Runs("refused"));
  EXPECT_FALSE(Runs("evicted")) << "that one did fail";
}

TEST_F(ShutdownKeeperTest, SwitchedOffItStopsNothing) {
  h.shutdown.clear();
  h.RestartAgent();
  h.Settle();
  h.Welcome({Pod("a")});
  h.Run(seconds(5));
  Shutdown();
  h.Run(seconds(60));
  EXPECT_TRUE(Runs("a"));
  EXPECT_EQ(Ready().status(), "True");
}

}  // namespace
}  // namespace muster::agent
