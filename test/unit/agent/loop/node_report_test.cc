// What the agent says of itself and its pods on its own host.
#include <chrono>

#include "agent/loop/node_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NodeReportOfLoopTest : public ::testing::Test {
 protected:
  NodeReportOfLoopTest() { h.Settle(); }
  NodeReport Report() const { return h.loop->Report(); }
  NodeHarness h;
};

TEST_F(NodeReportOfLoopTest, TellsOfPodsContainersAndWhereTheyCameFrom) {
  h.Welcome({PodObject("b", "uid-b", 7), PodObject("a", "uid-a", 5)});
  h.Run(seconds(3));
  const NodeReport report = Report();
  EXPECT_EQ(report.node_name, "node-a");
  EXPECT_EQ(report.node_uid, "node-uid-1");
  EXPECT_EQ(report.link.state, "connected");
  EXPECT_EQ(report.checkpoint.revision, 1) << "of the store; objects have versions of their own";
  EXPECT_EQ(report.checkpoint.objects, 2);
  EXPECT_TRUE(report.checkpoint.complete);
  EXPECT_GT(report.checkpoint.saved_at, WallTime());
  EXPECT_TRUE(report.runtime.answers && report.runtime.ready && report.runtime.network_ready);
  EXPECT_EQ(report.runtime.version, "1.6.20");
  EXPECT_FALSE(report.runtime.events);
  ASSERT_THAT(report.pods, SizeIs(2));
  EXPECT_EQ(report.pods[0].name, "a");
  EXPECT_EQ(report.pods[0].phase, "Running");
  EXPECT_TRUE(report.pods[0].ready);
  ASSERT_THAT(report.pods[0].containers, SizeIs(1));
  const NodeReport::Container& web = report.pods[0].containers[0];
  EXPECT_EQ(web.state, "running");
  EXPECT_EQ(web.id, h.runtime.FindContainer("uid-a", "web"));
  EXPECT_TRUE(web.ready);
  EXPECT_THAT(report.warnings, IsEmpty());
}

TEST_F(NodeReportOfLoopTest, TellsWhatEndedHowAndWhyItWaits) {
  h.Welcome({PodObject("a", "uid-a")});
  h.Run(seconds(3));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(h.runtime.ExitContainer(h.runtime.FindContainer("uid-a", "web"), 3));
    h.Run(seconds(3));
  }
  const NodeReport report = Report();
  const NodeReport::Container& web = report.pods.at(0).containers.at(0);
  EXPECT_EQ(web.state, "waiting");
  EXPECT_EQ(web.reason, "CrashLoopBackOff");
  EXPECT_EQ(web.restarts, 1);
  ASSERT_TRUE(web.last_end.has_value());
  EXPECT_EQ(web.last_end->exit_code, 3);
  EXPECT_EQ(web.last_end->reason, "Error");
  ASSERT_THAT(report.warnings, SizeIs(1));
  EXPECT_EQ(report.warnings[0].object, "pod/ns/a");
  EXPECT_EQ(report.warnings[0].reason, "BackOff");
}

TEST_F(NodeReportOfLoopTest, WarningsAreTheNewestOnesAndEachOnce) {
  std::vector<v1::Object> pods;
  for (int i = 0; i < 30; ++i) {
    pods.push_back(PodObject("p" + std::to_string(i), "uid-" + std::to_string(i)));
    pods.back().mutable_pod()->mutable_spec()->mutable_containers(0)->set_image("gone:1");
  }
  h.Welcome(pods);
  h.Run(minutes(30));
  const std::vector<NodeReport::Warning> warnings = Report().warnings;
  EXPECT_THAT(warnings, SizeIs(20));
  for (size_t i = 0; i + 1 < warnings.size(); ++i) {
    EXPECT_LE(warnings[i].at, warnings[i + 1].at);
    for (size_t j = i + 1; j < warnings.size(); ++j) {
      EXPECT_FALSE(warnings[i].object == warnings[j].object &&
                   warnings[i].reason == warnings[j].reason &&
                   warnings[i].message == warnings[j].message);
    }
  }
}

TEST_F(NodeReportOfLoopTest, TellsOfALostCoordinatorAndOfARuntimeThatIsAway) {
  h.Welcome({PodObject("a", "uid-a")});
  h.Run(seconds(3));
  const WallTime lost_at = h.clock.Wall();
  h.link->RefuseConnects(absl::UnavailableError("connection refused"));
  h.link->Break(absl::UnavailableError("stream reset"));
  h.runtime.set_available(false);
  h.Run(seconds(60));
  const NodeReport report = Report();
  EXPECT_NE(report.link.state, "connected");
  EXPECT_EQ(report.link.since, lost_at);
  EXPECT_EQ(report.link.last_error, "connection refused");
  EXPECT_FALSE(report.runtime.answers || report.runtime.ready);
  EXPECT_THAT(report.runtime.message, HasSubstr("failed to connect"));
  EXPECT_THAT(report.problems, Contains(HasSubstr("container runtime is down")));
  EXPECT_EQ(report.pods.at(0).containers.at(0).state, "running") << "as it was seen last";
}

TEST_F(NodeReportOfLoopTest, NextAgentKnowsHowOldItsCheckpointIs) {
  h.Welcome({PodObject("a", "uid-a", 9)});
  h.Run(seconds(3));
  h.disk->synced.saved_at = h.clock.Wall();
  h.refuse_connects = true;
  h.Run(hours(1));
  h.RestartAgent();
  h.Run(seconds(3));
  const NodeReport report = Report();
  EXPECT_EQ(report.checkpoint.revision, 0) << "not told anything yet";
  EXPECT_EQ(report.made_at - report.checkpoint.saved_at, hours(1) + seconds(3));
  EXPECT_LT(report.made_at - report.agent_started_at, minutes(1));
}

TEST_F(NodeReportOfLoopTest, StartOfAPodIsMeasuredOnceAndNotForThoseThatRanBefore) {
  h.Welcome({PodObject("a", "uid-a")});
  h.Run(seconds(3));
  EXPECT_EQ(h.loop->Tallies().pod_starts.count(), 1u);
  EXPECT_LT(h.loop->Tallies().pod_starts.sum(), 3);
  ASSERT_TRUE(h.runtime.ExitContainer(h.runtime.FindContainer("uid-a", "web"), 3));
  h.Run(minutes(1));
  EXPECT_EQ(h.loop->Tallies().pod_starts.count(), 1u) << "a restart is none";
  EXPECT_EQ(h.loop->Tallies().sessions, 1u);
  h.RestartAgent();
  h.Settle();
  h.Welcome({PodObject("a", "uid-a"), PodObject("b", "uid-b")});
  h.Run(seconds(5));
  EXPECT_EQ(h.loop->Tallies().pod_starts.count(), 1u) << "only the one that is new";
}

TEST_F(NodeReportOfLoopTest, StartThatTakesLongIsMeasuredWhenItIsThere) {
  v1::Object pod = PodObject("a", "uid-a");
  pod.mutable_pod()->mutable_spec()->mutable_containers(0)->set_image("late:1");
  h.Welcome({pod});
  h.Run(seconds(100));
  EXPECT_EQ(h.loop->Tallies().pod_starts.count(), 0u);
  h.runtime.AddToRegistry("late:1");
  h.Run(minutes(5));
  EXPECT_EQ(h.loop->Tallies().pod_starts.count(), 1u);
  EXPECT_GT(h.loop->Tallies().pod_starts.sum(), 99);
}

TEST_F(NodeReportOfLoopTest, ProbesAreCountedByWhatTheyAnswered) {
  v1::Object pod = PodObject("a", "uid-a");
  v1::Probe& probe =
      *pod.mutable_pod()->mutable_spec()->mutable_containers(0)->mutable_readiness_probe();
  probe.mutable_exec()->add_command("check");
  probe.set_period_seconds(10);
  probe.set_timeout_seconds(1);
  probe.set_success_threshold(1);
  probe.set_failure_threshold(3);
  int asked = 0;
  h.runtime.OnExec([&](const std::string&, const std::vector<std::string>&) {
    return FakeExec{{"", "", ++asked % 3 == 0 ? 1 : 0}, {}};
  });
  h.Welcome({pod});
  h.Run(minutes(2));
  const std::vector<ProbeTally> tallies = h.loop->Tallies().probes;
  ASSERT_THAT(tallies, SizeIs(1));
  EXPECT_EQ(tallies[0].pod, "a");
  EXPECT_EQ(tallies[0].container, "web");
  EXPECT_EQ(tallies[0].probe, "Readiness");
  EXPECT_EQ(tallies[0].successes + tallies[0].failures, static_cast<uint64_t>(asked));
  EXPECT_EQ(tallies[0].failures, static_cast<uint64_t>(asked / 3));
  EXPECT_GT(asked, 5);
}

// pod-lifecycle.md, 22: images.
TEST(LargestImages, AreFiftyTheLargestFirstWithFiveNamesEach) {
  std::vector<ImageStatus> images;
  for (int i = 0; i < 60; ++i) {
    images.push_back({.id = "sha256:" + std::to_string(i),
                      .tags = {"t" + std::to_string(i)},
                      .size_bytes = static_cast<uint64_t>(1'000 + i)});
  }
  images.push_back({.id = "sha256:many",
                    .tags = {"t1", "t2", "t3", "t4"},
                    .digests = {"d1", "d2"},
                    .size_bytes = 9'000});
  images.push_back({.id = "sha256:bare", .size_bytes = 8'000});
  const std::vector<v1::ContainerImage> largest = LargestImages(images);
  ASSERT_THAT(largest, SizeIs(50));
  EXPECT_THAT(largest[0].names(), testing::ElementsAre("d1", "d2", "t1", "t2", "t3"));
  EXPECT_THAT(largest[1].names(), testing::ElementsAre("sha256:bare"));
  EXPECT_EQ(largest[2].size_bytes(), 1'059);
  EXPECT_EQ(largest[49].size_bytes(), 1'012);
  // Whatever order the runtime has them in.
  std::vector<ImageStatus> turned(images.rbegin(), images.rend());
  const std::vector<v1::ContainerImage> again = LargestImages(turned);
  for (size_t i = 0; i < largest.size(); ++i) EXPECT_EQ(largest[i].names(0), again[i].names(0));
}

TEST_F(NodeReportOfLoopTest, ImagesAreToldWhenTheyAreOthersThanBefore) {
  h.Welcome({PodObject("a", "uid-a")});
  h.Run(seconds(60));
  const auto with_images = [&] {
    std::vector<int> sizes;
    for (const v1::NodeStatus& status : h.link->node_statuses()) {
      if (status.images_size() > 0) sizes.push_back(status.images_size());
    }
    return sizes;
  };
  EXPECT_THAT(with_images(), testing::ElementsAre(1)) << "the one that was pulled";
  h.Run(minutes(30));
  EXPECT_GT(h.link->node_statuses().size(), 5u);
  EXPECT_THAT(with_images(), SizeIs(1)) << "every five minutes a status, but without them";
  h.runtime.AddToRegistry("img:2");
  v1::Object other = PodObject("b", "uid-b");
  other.mutable_pod()->mutable_spec()->mutable_containers(0)->set_image("img:2");
  h.Assign({other});
  h.Run(seconds(20));
  EXPECT_THAT(with_images(), testing::ElementsAre(1, 2));
}

}  // namespace
}  // namespace muster::agent
