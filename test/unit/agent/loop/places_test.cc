// What the loop tells the network of its own pods, who are places behind Services.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using testing::IsEmpty;

class PlacesTest : public testing::Test {
 protected:
  PlacesTest() {
    node_.with_network = true;
    node_.RestartAgent();
    node_.prober.Decides([this](const NetCall&) {
      ProbeAnswer answer;
      if (!ready_) answer.kind = ProbeAnswer::Kind::kFailure;
      return answer;
    });
    v1::Probe& probe =
        *pod_.mutable_pod()->mutable_spec()->mutable_containers(0)->mutable_readiness_probe();
    probe.mutable_http_get()->mutable_port()->set_int_value(80);
    probe.set_period_seconds(1);
    probe.set_failure_threshold(1);
    node_.Settle();
  }
  void Runs() {
    node_.Welcome({pod_});
    node_.Run(seconds(3));
    ASSERT_TRUE(node_.network.own_pods.has_value());
    ASSERT_TRUE(Told().ready);
  }
  OwnPod Told() const {
    const auto found = node_.network.own_pods->find({"ns", "web"});
    if (found != node_.network.own_pods->end()) return found->second;
    ADD_FAILURE() << "nothing is said of it";
    return {};
  }
  std::string AddressTold() const {
    return Told().addresses.empty() ? "" : ToText(Told().addresses.front());
  }
  std::string Sandbox() {
    for (const SandboxStatus& sandbox : node_.runtime.sandboxes()) {
      if (sandbox.state == SandboxState::kReady) return sandbox.id;
    }
    return "";
  }

  NodeHarness node_;
  v1::Object pod_ = PodObject("web", "u");
  bool ready_ = true;
};

TEST_F(PlacesTest, ReadinessIsToldAtOnceAlsoWithoutACoordinator) {
  Runs();
  EXPECT_EQ(AddressTold(), node_.Status("u").pod_ip());
  node_.link->Break(absl::UnavailableError("cut off"));
  ready_ = false;
  node_.Run(seconds(2));
  EXPECT_FALSE(Told().ready);
  ready_ = true;
  node_.Run(seconds(2));
  EXPECT_TRUE(Told().ready);
}

TEST_F(PlacesTest, AnotherSandboxIsAnotherAddress) {
  Runs();
  const std::string before = AddressTold();
  node_.link->Break(absl::UnavailableError("cut off"));
  node_.runtime.KillSandbox(Sandbox());
  node_.Run(seconds(30));
  EXPECT_NE(AddressTold(), before);
  EXPECT_NE(AddressTold(), "");
  EXPECT_TRUE(Told().ready);
}

TEST_F(PlacesTest, WhatGoesIsToldToGoAndThenNoMore) {
  Runs();
  node_.runtime.Hold(RuntimeCall::kStopContainer);
  node_.Assign({Deleted(pod_, 30)});
  EXPECT_TRUE(Told().terminating);
  node_.runtime.Release(RuntimeCall::kStopContainer);
  node_.Run(seconds(40));
  node_.Assign({}, {"pods/ns/web"});
  node_.Run(seconds(1));
  const auto left = node_.network.own_pods->find({"ns", "web"});
  EXPECT_TRUE(left == node_.network.own_pods->end() || left->second.addresses.empty());
}

TEST_F(PlacesTest, ANodeWithoutPodsSaysSo) {
  node_.Welcome({});
  node_.Run(seconds(1));
  ASSERT_TRUE(node_.network.own_pods.has_value());
  EXPECT_THAT(*node_.network.own_pods, IsEmpty());
}

TEST_F(PlacesTest, AnAgentThatStartsSaysNothingBeforeItHasLooked) {
  Runs();
  const OwnPods before = *node_.network.own_pods;
  node_.KillAgent();
  node_.network.own_pods.reset();
  node_.prober.Hold();  // It has asked nobody yet.
  node_.runtime.FailNext(RuntimeCall::kListSandboxes, absl::UnavailableError("down"));
  node_.StartAgent();
  node_.Settle();
  EXPECT_FALSE(node_.network.own_pods.has_value());
  node_.Run(seconds(5));
  ASSERT_TRUE(node_.network.own_pods.has_value());
  EXPECT_EQ(*node_.network.own_pods, before) << "the next agent knows the same";
}

}  // namespace
}  // namespace muster::agent
