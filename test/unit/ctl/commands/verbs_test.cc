#include <gmock/gmock.h>

#include "absl/time/time.h"
#include "ctl/commands/apply.h"
#include "ctl/commands/delete.h"
#include "ctl/commands/diff.h"
#include "ctl/commands/events.h"
#include "ctl/commands/history.h"
#include "ctl/commands/replace.h"
#include "ctl/commands/set_image.h"
#include "ctl/commands/wait.h"
#include "test/unit/ctl/commands/command_test.h"

namespace muster::ctl {
namespace {

using admin::v1::WatchEvent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class VerbsTest : public CommandsTest {
 protected:
  const v1::PodTemplateSpec& TemplateOf(const std::string& name) {
    return client_.objects["daemonsets/default/" + name].daemon_set().spec().template_();
  }
  static v1::Object WithCondition(v1::Object node, const std::string& type,
                                  const std::string& status) {
    v1::NodeCondition& condition = *node.mutable_node()->mutable_status()->add_conditions();
    condition.set_type(type);
    condition.set_status(status);
    return node;
  }
};

// Spec: 12.6/history
TEST_F(VerbsTest, HistoryIsWhatTheCoordinatorTells) {
  client_.Put(DaemonSet("web"));
  Context context = MakeContext();
  EXPECT_EQ(RunRolloutHistory(context, {.arguments = {"ds/web"}, .revision = 3}), kExitDone);
  EXPECT_EQ(out_.str(), "its history\n");
  EXPECT_EQ(client_.histories[0].revision(), 3);
  client_.rollout_error = absl::FailedPreconditionError("unable to find the specified revision");
  EXPECT_EQ(RunRolloutHistory(context, {.arguments = {"ds/web"}, .revision = 9}), kExitError);
  EXPECT_EQ(err_.str(), "error: unable to find the specified revision\n");
  EXPECT_EQ(RunRolloutHistory(context, {.arguments = {"pod/web"}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("only daemonsets have rollouts, found pods"));
}

// Spec: 12.6/undo
TEST_F(VerbsTest, UndoSaysWhatItDid) {
  client_.Put(DaemonSet("web"));
  Context context = MakeContext();
  EXPECT_EQ(RunRolloutUndo(context, {.arguments = {"ds", "web"}}), kExitDone);
  client_.undo_changes = false;
  EXPECT_EQ(RunRolloutUndo(context, {.arguments = {"ds/web"}, .revision = 2}), kExitDone);
  EXPECT_EQ(out_.str(),
            "daemonset.apps/web rolled back\n"
            "daemonset.apps/web skipped rollback (current template already matches revision 2)\n");
  EXPECT_EQ(client_.undone[1].to_revision(), 2);
  client_.rollout_error = absl::FailedPreconditionError("no last revision to roll back to");
  EXPECT_EQ(RunRolloutUndo(context, {.arguments = {"ds/web"}}), kExitError);
  EXPECT_EQ(err_.str(), "error: no last revision to roll back to\n");
}

// Spec: 12.6/restart-and-pause
TEST_F(VerbsTest, RestartStampsTheTemplateOncePerSecond) {
  client_.Put(DaemonSet("web"));
  Context context = MakeContext();
  const HistoryOptions options{.arguments = {"ds/web"},
                               .now = absl::FromUnixSeconds(1'700'000'000)};
  EXPECT_EQ(RunRolloutRestart(context, options), kExitDone);
  EXPECT_EQ(out_.str(), "daemonset.apps/web restarted\n");
  EXPECT_EQ(TemplateOf("web").metadata().annotations().at("kubectl.kubernetes.io/restartedAt"),
            "2023-11-14T22:13:20Z");
  EXPECT_EQ(RunRolloutRestart(context, options), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("already been triggered within this second"));
}

TEST_F(VerbsTest, ASelectorThatMatchesNothingHasItsExitCode) {
  Context context = MakeContext();
  EXPECT_EQ(
      RunRolloutRestart(context, {.arguments = {"ds"}, .selection = {.selector = "app=none"}}),
      kExitNothingMatched);
}

TEST_F(VerbsTest, SetImageChangesTheNamedContainer) {
  v1::Object object = DaemonSet("web");
  v1::PodSpec& spec =
      *object.mutable_daemon_set()->mutable_spec()->mutable_template_()->mutable_spec();
  spec.add_init_containers()->set_name("init");
  spec.add_containers()->set_name("side");
  client_.Put(object);
  Context context = MakeContext();
  EXPECT_EQ(RunSetImage(context, {.arguments = {"ds/web", "main=busybox:2"}}), kExitDone);
  EXPECT_EQ(out_.str(), "daemonset.apps/web image updated\n");
  EXPECT_EQ(TemplateOf("web").spec().containers(0).image(), "busybox:2");
  EXPECT_EQ(TemplateOf("web").spec().containers(1).image(), "");
  // Nothing is said, or sent, of what is so already.
  EXPECT_EQ(RunSetImage(context, {.arguments = {"ds/web", "main=busybox:2"}}), kExitDone);
  EXPECT_THAT(client_.updated, SizeIs(1));
  EXPECT_EQ(RunSetImage(context, {.arguments = {"ds", "web", "*=b:3"}, .change_cause = "why"}),
            kExitDone);
  EXPECT_EQ(TemplateOf("web").spec().init_containers(0).image(), "b:3");
  EXPECT_EQ(TemplateOf("web").spec().containers(1).image(), "b:3");
  EXPECT_EQ(model::MetadataOf(client_.objects["daemonsets/default/web"])
                .annotations()
                .at("kubernetes.io/change-cause"),
            "why");
}

TEST_F(VerbsTest, SetImageNamesWhatItCannotFind) {
  client_.Put(DaemonSet("web"));
  client_.Put(Node("n"));
  Context context = MakeContext();
  EXPECT_EQ(RunSetImage(context, {.arguments = {"ds/web", "nosuch=b:2"}}), kExitError);
  EXPECT_EQ(err_.str(), "error: unable to find container named \"nosuch\" in daemonset.apps/web\n");
  EXPECT_EQ(RunSetImage(context, {.arguments = {"ds/web"}}), kExitUsage);
  EXPECT_EQ(RunSetImage(context, {.arguments = {"ds/web", "main="}}), kExitUsage);
  EXPECT_EQ(RunSetImage(context, {.arguments = {"node/n", "main=b:2"}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("node/n has no containers"));
  EXPECT_THAT(client_.updated, IsEmpty());
}

TEST_F(VerbsTest, WaitEndsWhenTheConditionHolds) {
  client_.Put(Node("n"));
  client_.watch_events = {Event(WatchEvent::ADDED, WithCondition(Node("n"), "Ready", "False")),
                          Synced(),
                          Event(WatchEvent::MODIFIED, WithCondition(Node("n"), "Ready", "True"))};
  client_.watch_end = absl::InternalError("the watch must have ended before");
  Context context = MakeContext();
  EXPECT_EQ(RunWait(context, {.arguments = {"node/n"}, .condition = "condition=ready"}), kExitDone);
  EXPECT_EQ(out_.str(), "node/n condition met\n");
  client_.watch_events.resize(2);
  EXPECT_EQ(RunWait(context, {.arguments = {"node/n"}, .condition = "condition=Ready=false"}),
            kExitDone);
}

TEST_F(VerbsTest, WaitTakesAPathWithOrWithoutAValue) {
  v1::Object pod = Pod("p");
  client_.Put(pod);
  v1::Object running = pod;
  running.mutable_pod()->mutable_status()->set_phase("Running");
  client_.watch_events = {Event(WatchEvent::ADDED, pod), Synced(),
                          Event(WatchEvent::MODIFIED, running)};
  client_.watch_end = absl::DeadlineExceededError("late");
  Context context = MakeContext();
  for (const char* condition : {"jsonpath={.status.phase}=Running",
                                "jsonpath=.status.phase=Running", "jsonpath={.status.phase}"}) {
    EXPECT_EQ(RunWait(context, {.arguments = {"pod", "p"}, .condition = condition}), kExitDone)
        << condition;
  }
  EXPECT_EQ(
      RunWait(context, {.arguments = {"pod/p"}, .condition = "jsonpath=.status.phase=Failed"}),
      kExitTimedOut);
  EXPECT_EQ(err_.str(), "error: timed out waiting for the condition on pods/p\n");
  EXPECT_EQ(RunWait(context, {.arguments = {"pod/p"}, .condition = "jsonpath=.metadata=x"}),
            kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("pods/p: the path finds a list or a mapping"));
}

TEST_F(VerbsTest, WaitForDeletionIsOverForWhatIsNotThere) {
  client_.watch_events = {Synced()};
  Context context = MakeContext();
  EXPECT_EQ(RunWait(context, {.arguments = {"pod/p"}, .condition = "delete"}), kExitDone);
  // Anything else is not to be had of it.
  EXPECT_EQ(RunWait(context, {.arguments = {"pod/p"}, .condition = "condition=Ready"}), kExitError);
  EXPECT_EQ(err_.str(), "Error from server (NotFound): pods \"p\" not found\n");
  EXPECT_EQ(RunWait(context, {.arguments = {"pods"},
                              .selection = {.selector = "a=b"},
                              .condition = "condition=Ready"}),
            kExitNothingMatched);
  EXPECT_EQ(RunWait(context, {.arguments = {"pod/p"}, .condition = "tea"}), kExitUsage);
}

TEST_F(VerbsTest, AConditionFromBeforeTheLastChangeDoesNotCount) {
  v1::Object object = DaemonSet("web");
  model::MutableMetadataOf(object).set_generation(2);
  v1::DaemonSetStatus& status = *object.mutable_daemon_set()->mutable_status();
  status.set_observed_generation(1);
  v1::DaemonSetCondition& condition = *status.add_conditions();
  condition.set_type("Progressing");
  condition.set_status("True");
  client_.Put(object);
  client_.watch_events = {Event(WatchEvent::ADDED, object), Synced()};
  client_.watch_end = absl::DeadlineExceededError("late");
  Context context = MakeContext();
  EXPECT_EQ(RunWait(context, {.arguments = {"ds/web"}, .condition = "condition=Progressing"}),
            kExitTimedOut);
}

TEST_F(VerbsTest, AllAreToldToGoBeforeAnyIsWaitedFor) {
  client_.Put(Pod("a"));
  client_.Put(Pod("b"));
  client_.watch_events = {};
  client_.watch_end = absl::DeadlineExceededError("late");
  Context context = MakeContext();
  EXPECT_EQ(RunDelete(context, {.arguments = {"pods", "a", "b"}}), kExitTimedOut);
  EXPECT_EQ(out_.str(), "pod \"a\" deleted\npod \"b\" deleted\n");
  EXPECT_THAT(client_.deleted, SizeIs(2));
  EXPECT_EQ(err_.str(),
            "error: timed out waiting for the condition on pods/a\n"
            "error: timed out waiting for the condition on pods/b\n");
}

TEST_F(VerbsTest, EventsAreInOrderOfTimeAndSayHowOften) {
  for (const auto& [name, seconds, type] :
       {std::tuple{"z", 10, "Normal"}, {"a", 20, "Warning"}, {"m", 15, "Normal"}}) {
    v1::Object object = model::NewObject(*model::FindResource("events"));
    model::MutableMetadataOf(object).set_name(name);
    model::MutableMetadataOf(object).set_namespace_("default");
    object.mutable_event()->set_type(type);
    object.mutable_event()->mutable_last_timestamp()->set_seconds(seconds);
    client_.Put(object);
  }
  Context context = MakeContext();
  EXPECT_EQ(RunEvents(context, {.output = "name"}), kExitDone);
  EXPECT_EQ(out_.str(), "event/z\nevent/m\nevent/a\n");
  out_.str("");
  EXPECT_EQ(RunEvents(context, {.about = "ds/web", .types = {"warning"}, .output = "name"}),
            kExitDone);
  EXPECT_EQ(out_.str(), "event/a\n");
  EXPECT_EQ(client_.listed.back().field_selector(),
            "involvedObject.kind=DaemonSet,involvedObject.name=web");
  EXPECT_EQ(RunEvents(context, {.types = {"Loud"}}), kExitUsage);
  client_.objects.clear();
  EXPECT_EQ(RunEvents(context, {}), kExitDone);
  EXPECT_THAT(err_.str(), HasSubstr("No events found in default namespace.\n"));
}

TEST_F(VerbsTest, CreateOfWhatIsThereNamesTheFile) {
  Context context = MakeContext(kDaemonSet);
  EXPECT_EQ(RunApply(context, {.sources = {.files = {"-"}}, .create_only = true}), kExitDone);
  EXPECT_TRUE(client_.applied[0].create_only());
  client_.next_error = absl::AlreadyExistsError("daemonsets.apps \"web\" already exists");
  Context again = MakeContext(kDaemonSet);
  in_.clear();
  EXPECT_EQ(RunApply(again, {.sources = {.files = {"-"}}, .create_only = true}), kExitError);
  EXPECT_THAT(err_.str(), StartsWith("Error from server (AlreadyExists): error when creating "
                                     "\"-\": daemonsets.apps \"web\" already exists"));
}

TEST_F(VerbsTest, ReplaceSendsTheManifestAsItIs) {
  Context context = MakeContext(kDaemonSet);
  EXPECT_EQ(RunReplace(context, {.sources = {.files = {"-"}}}), kExitDone);
  EXPECT_EQ(out_.str(), "daemonset.apps/web replaced\n");
  EXPECT_THAT(client_.updated, SizeIs(1));
}

TEST_F(VerbsTest, DiffOfAnUnchangedObjectIsSilent) {
  v1::Object live = DaemonSet("web");
  (*model::MutableMetadataOf(live)
        .mutable_annotations())["kubectl.kubernetes.io/last-applied-configuration"] = "{}";
  client_.Put(live);
  v1::Object merged = live;
  // What apply remembers of itself is no difference.
  (*model::MutableMetadataOf(merged)
        .mutable_annotations())["kubectl.kubernetes.io/last-applied-configuration"] = "{ }";
  auto& result = *client_.apply_response.add_results();
  *result.mutable_object() = merged;
  result.set_outcome(admin::v1::ApplyResult::CONFIGURED);
  Context context = MakeContext(kDaemonSet);
  EXPECT_EQ(RunDiff(context, {.sources = {.files = {"-"}}}), kExitSame);
  EXPECT_EQ(out_.str(), "");
  EXPECT_TRUE(client_.applied[0].dry_run());
}

TEST_F(VerbsTest, DiffShowsWhatWouldChange) {
  v1::Object live = DaemonSet("web");
  client_.Put(live);
  v1::Object merged = live;
  merged.mutable_daemon_set()
      ->mutable_spec()
      ->mutable_template_()
      ->mutable_spec()
      ->mutable_containers(0)
      ->set_image("busybox:2");
  auto& result = *client_.apply_response.add_results();
  *result.mutable_object() = merged;
  result.set_outcome(admin::v1::ApplyResult::CONFIGURED);
  Context context = MakeContext(kDaemonSet);
  EXPECT_EQ(RunDiff(context, {.sources = {.files = {"-"}}}), kExitDiffers);
  EXPECT_THAT(out_.str(), HasSubstr("\n-      - image: busybox\n+      - image: busybox:2\n"));
  EXPECT_THAT(out_.str(), HasSubstr("/apps.v1.DaemonSet.default.web\t"));
}

TEST_F(VerbsTest, DiffOfANewObjectIsAllOfIt) {
  Context context = MakeContext(kDaemonSet);
  EXPECT_EQ(RunDiff(context, {.sources = {.files = {"-"}}}), kExitDiffers);
  EXPECT_THAT(out_.str(), HasSubstr("+kind: DaemonSet\n"));
}

TEST_F(VerbsTest, DiffHidesTheValuesOfSecrets) {
  v1::Object live = model::NewObject(*model::FindResource("secrets"));
  model::MutableMetadataOf(live).set_name("s");
  model::MutableMetadataOf(live).set_namespace_("default");
  auto& data = *live.mutable_secret()->mutable_data();
  data["same"] = "hidden";
  data["other"] = "hidden";
  client_.Put(live);
  auto& result = *client_.apply_response.add_results();
  *result.mutable_object() = live;
  (*result.mutable_object()->mutable_secret()->mutable_data())["other"] = "secret";
  result.set_outcome(admin::v1::ApplyResult::CONFIGURED);
  Context context = MakeContext("{apiVersion: v1, kind: Secret, metadata: {name: s}}");
  EXPECT_EQ(RunDiff(context, {.sources = {.files = {"-"}}}), kExitDiffers);
  // In base64, as in any manifest.
  EXPECT_THAT(out_.str(), HasSubstr("-  other: KioqIChiZWZvcmUp\n+  other: KioqIChhZnRlcik=\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("aGlkZGVu")));
}

TEST_F(VerbsTest, TroubleOfDiffIsNeitherSameNorDifferent) {
  Context context = MakeContext("{");
  EXPECT_EQ(RunDiff(context, {.sources = {.files = {"-"}}}), kExitTrouble);
  Context missing = MakeContext(kDaemonSet);
  in_.clear();
  EXPECT_EQ(RunDiff(missing, {.sources = {.files = {"-"}}, .program = "no-such-program"}),
            kExitTrouble);
  EXPECT_THAT(err_.str(), HasSubstr("no-such-program"));
}

}  // namespace
}  // namespace muster::ctl
