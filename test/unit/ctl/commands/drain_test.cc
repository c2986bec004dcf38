#include "ctl/commands/drain.h"

#include <gmock/gmock.h>

#include "ctl/commands/edit.h"
#include "test/unit/ctl/commands/command_test.h"

namespace muster::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class DrainTest : public CommandsTest {
 protected:
  void SetUp() override {
    client_.Put(Node("n"));
    client_.watch_events = {Synced()};  // Whatever is waited for is gone.
  }

  static v1::Object PodOn(const std::string& name, const std::string& owner_kind = "",
                          const std::string& owner_uid = "") {
    v1::Object object = Pod(name);
    object.mutable_pod()->mutable_spec()->set_node_name("n");
    if (!owner_kind.empty()) {
      v1::OwnerReference& owner = *model::MutableMetadataOf(object).add_owner_references();
      owner.set_kind(owner_kind);
      owner.set_uid(owner_uid);
      owner.set_controller(true);
    }
    return object;
  }
  bool IsCordoned() { return client_.objects["nodes//n"].node().spec().unschedulable(); }
  std::vector<std::string> Evicted() {
    std::vector<std::string> names;
    for (const auto& request : client_.deleted) names.push_back(request.ref().name());
    return names;
  }
};

// Spec: 11.3/cordon
TEST_F(DrainTest, CordonMarksTheNodeAndTouchesNoPod) {
  client_.Put(DaemonSet("web"));
  client_.Put(PodOn("web-1", "DaemonSet", "uid-web"));
  Context context = MakeContext();
  EXPECT_EQ(RunCordon(context, {.arguments = {"n"}}, true), kExitDone);
  EXPECT_TRUE(IsCordoned());
  EXPECT_THAT(client_.deleted, IsEmpty());
  EXPECT_THAT(client_.updated, SizeIs(1));
}

// Spec: 11.3/drain-refuses
TEST_F(DrainTest, WithoutTheFlagDaemonPodsAreNamedAndNothingIsEvicted) {
  client_.Put(DaemonSet("web"));
  client_.Put(PodOn("web-1", "DaemonSet", "uid-web"));
  client_.Put(PodOn("other", "Job", "uid-j"));
  Context context = MakeContext();
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}}), kExitError);
  EXPECT_EQ(out_.str(), "node/n cordoned\n");
  EXPECT_EQ(err_.str(),
            "error: unable to drain node \"n\": cannot delete DaemonSet-managed Pods (use "
            "--ignore-daemonsets to ignore): default/web-1\n"
            "There are pending nodes to be drained:\n n\n");
  EXPECT_THAT(client_.deleted, IsEmpty());
}

// Spec: 11.3/drain-ignores
TEST_F(DrainTest, WithTheFlagDaemonPodsStayAndTheOthersGo) {
  client_.Put(DaemonSet("web"));
  client_.Put(PodOn("web-1", "DaemonSet", "uid-web"));
  client_.Put(PodOn("web-2", "DaemonSet", "uid-web"));
  client_.Put(PodOn("other", "Job", "uid-j"));
  v1::Object elsewhere = PodOn("elsewhere", "Job", "uid-j");
  elsewhere.mutable_pod()->mutable_spec()->set_node_name("m");
  client_.Put(elsewhere);
  Context context = MakeContext();
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}, .rules = {.ignore_daemonsets = true}}), kExitDone);
  EXPECT_EQ(out_.str(),
            "node/n cordoned\nevicting pod default/other\npod/other evicted\nnode/n drained\n");
  EXPECT_EQ(err_.str(), "Warning: ignoring DaemonSet-managed Pods: default/web-1, default/web-2\n");
  EXPECT_THAT(Evicted(), ElementsAre("other"));
  EXPECT_EQ(client_.deleted[0].uid(), "uid-other") << "not another one of this name";
}

// It would be started again on the node, for cordoned ones are among those that it is for.
TEST_F(DrainTest, ARunOfADaemonJobIsADaemonPod) {
  v1::Object job = model::NewObject(*model::FindResource("dj"));
  model::MutableMetadataOf(job).set_name("once");
  model::MutableMetadataOf(job).set_namespace_("default");
  model::MutableMetadataOf(job).set_uid("uid-once");
  client_.Put(job);
  client_.Put(PodOn("once-1", "DaemonJob", "uid-once"));
  Context context = MakeContext();
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}}), kExitError);
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}, .rules = {.ignore_daemonsets = true}}), kExitDone);
  EXPECT_THAT(client_.deleted, IsEmpty());
}

// Spec: 11.3/drain-ignores
TEST_F(DrainTest, DaemonPodsThatHaveEndedAreEvicted) {
  client_.Put(DaemonSet("web"));
  v1::Object ended = PodOn("web-1", "DaemonSet", "uid-web");
  ended.mutable_pod()->mutable_status()->set_phase("Failed");
  client_.Put(ended);
  Context context = MakeContext();
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}}), kExitDone);
  EXPECT_THAT(Evicted(), ElementsAre("web-1"));
}

TEST_F(DrainTest, PodsOfADaemonSetThatIsGoneNeedForce) {
  client_.Put(PodOn("web-1", "DaemonSet", "uid-gone"));
  Context context = MakeContext();
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}, .rules = {.ignore_daemonsets = true}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("whose DaemonSet is gone"));
  EXPECT_THAT(client_.deleted, IsEmpty());
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}, .rules = {.force = true}}), kExitDone);
  EXPECT_THAT(Evicted(), ElementsAre("web-1"));
}

TEST_F(DrainTest, BarePodsNeedForceAndGetTheirGrace) {
  client_.Put(PodOn("bare"));
  Context context = MakeContext();
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("cannot delete Pods that declare no controller (use --force "
                                    "to override): default/bare"));
  DrainOptions options{.nodes = {"n"}, .rules = {.force = true}};
  options.grace_period_seconds = 7;
  EXPECT_EQ(RunDrain(context, options), kExitDone);
  EXPECT_THAT(err_.str(), HasSubstr("Warning: deleting Pods that declare no controller: "
                                    "default/bare\n"));
  EXPECT_EQ(client_.deleted[0].grace_period_seconds(), 7);
  EXPECT_THAT(out_.str(), HasSubstr("node/n already cordoned\n"));
}

TEST_F(DrainTest, PodsThatKeepDataNeedTheirFlag) {
  v1::Object pod = PodOn("keeps", "Job", "uid-j");
  pod.mutable_pod()->mutable_spec()->add_volumes()->mutable_empty_dir();
  client_.Put(pod);
  Context context = MakeContext();
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}, .rules = {.force = true}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("cannot delete Pods with local storage (use "
                                    "--delete-emptydir-data to override): default/keeps"));
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}, .rules = {.delete_emptydir_data = true}}),
            kExitDone);
  EXPECT_THAT(Evicted(), ElementsAre("keeps"));
}

TEST_F(DrainTest, ATimeoutSaysWhichPodAndHasItsExitCode) {
  client_.Put(PodOn("slow", "Job", "uid-j"));
  client_.watch_events = {};
  client_.watch_end = absl::DeadlineExceededError("late");
  Context context = MakeContext();
  DrainOptions options{.nodes = {"n"}};
  options.timeout = std::chrono::seconds(5);
  EXPECT_EQ(RunDrain(context, options), kExitTimedOut);
  EXPECT_THAT(err_.str(), HasSubstr("error when waiting for pod \"slow\" in namespace \"default\" "
                                    "to terminate: global timeout reached: 5s"));
}

TEST_F(DrainTest, ADryRunChangesNothing) {
  client_.Put(PodOn("other", "Job", "uid-j"));
  Context context = MakeContext();
  EXPECT_EQ(RunDrain(context, {.nodes = {"n"}, .dry_run = DryRun::kClient}), kExitDone);
  EXPECT_EQ(out_.str(),
            "node/n cordoned (dry run)\nevicting pod default/other (dry run)\n"
            "node/n drained (dry run)\n");
  EXPECT_THAT(client_.deleted, IsEmpty());
  EXPECT_THAT(client_.updated, IsEmpty());
}

TEST_F(DrainTest, AllReasonsAreGivenAtOnce) {
  v1::Object daemon = PodOn("d", "DaemonSet", "uid-web");
  v1::Object bare = PodOn("b");
  v1::Object keeps = PodOn("k", "Job", "uid-j");
  keeps.mutable_pod()->mutable_spec()->add_volumes()->mutable_empty_dir();
  const std::vector<const v1::Pod*> pods = {&daemon.pod(), &bare.pod(), &keeps.pod()};
  const DrainPlan plan = PlanDrain(pods, {"uid-web"}, {});
  EXPECT_THAT(plan.refusals, SizeIs(3));
  EXPECT_THAT(plan.evict, IsEmpty());
  const DrainPlan all = PlanDrain(
      pods, {"uid-web"}, {.force = true, .ignore_daemonsets = true, .delete_emptydir_data = true});
  EXPECT_THAT(all.refusals, IsEmpty());
  EXPECT_THAT(all.evict, UnorderedElementsAre(&bare.pod(), &keeps.pod()));
  EXPECT_EQ(all.warning,
            "ignoring DaemonSet-managed Pods: default/d; deleting Pods with local storage: "
            "default/k; deleting Pods that declare no controller: default/b");
}

// pod-lifecycle.md, 21: kubectl passes mirrors of static pods over, too.
TEST_F(DrainTest, StaticPodsArePassedOver) {
  v1::Object mirror = PodOn("fixed-n", "Node", "uid-n");
  (*model::MutableMetadataOf(mirror).mutable_annotations())["kubernetes.io/config.mirror"] = "h";
  mirror.mutable_pod()->mutable_spec()->add_volumes()->mutable_empty_dir();
  const std::vector<const v1::Pod*> pods = {&mirror.pod()};
  const DrainPlan plan = PlanDrain(pods, {}, {});
  EXPECT_THAT(plan.evict, IsEmpty());
  EXPECT_THAT(plan.refusals, IsEmpty());
}

}  // namespace
}  // namespace muster::ctl
