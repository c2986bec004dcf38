#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/cord.h"
#include "ctl/commands/apply.h"
#include "ctl/commands/delete.h"
#include "ctl/commands/edit.h"
#include "ctl/commands/get.h"
#include "ctl/commands/logs.h"
#include "ctl/commands/rollout.h"
#include "ctl/commands/token.h"
#include "test/unit/ctl/commands/command_test.h"

namespace muster::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(CommandsTest, ApplySendsAllObjectsOfAllDocumentsInOneRequest) {
  Context context = MakeContext(std::string(kDaemonSet) +
                                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
  EXPECT_EQ(RunApply(context, {.sources = {.files = {"-"}}, .change_cause = "why"}), kExitDone);
  ASSERT_THAT(client_.applied, SizeIs(1));
  EXPECT_EQ(client_.applied[0].objects_size(), 2);
  EXPECT_EQ(client_.applied[0].change_cause(), "why");
  EXPECT_EQ(out_.str(), "daemonset.apps/web created\nconfigmap/c created\n");
}

TEST_F(CommandsTest, ApplyCanWaitForTheRolloutsOfItsDaemonSets) {
  const std::string text =
      std::string(kDaemonSet) + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
  admin::v1::RolloutStatusUpdate update;
  update.set_line("daemon set \"web\" successfully rolled out");
  update.set_done(true);
  client_.rollout_updates = {update};
  Context context = MakeContext(text);
  EXPECT_EQ(RunApply(context, {.sources = {.files = {"-"}}, .wait = true}), kExitDone);
  EXPECT_EQ(out_.str(),
            "daemonset.apps/web created\nconfigmap/c created\n"
            "daemon set \"web\" successfully rolled out\n");
  ASSERT_THAT(client_.rollout_status_requests, SizeIs(1));
  EXPECT_EQ(FakeAdminClient::KeyOf(client_.rollout_status_requests[0].ref()),
            "daemonsets/default/web");
  EXPECT_TRUE(client_.rollout_status_requests[0].watch());

  update.set_failed(true);
  client_.rollout_updates = {update};
  Context failing = MakeContext(text);
  EXPECT_EQ(RunApply(failing, {.sources = {.files = {"-"}}, .wait = true}), kExitRolloutFailed);

  client_.rollout_updates.clear();
  client_.watch_end = absl::DeadlineExceededError("");
  Context late = MakeContext(text);
  EXPECT_EQ(RunApply(late, {.sources = {.files = {"-"}},
                            .wait = true,
                            .timeout = std::chrono::milliseconds(5)}),
            kExitTimedOut);
  // Nothing is there to wait for.
  Context dry = MakeContext(text);
  EXPECT_EQ(RunApply(dry, {.sources = {.files = {"-"}}, .dry_run = DryRun::kServer, .wait = true}),
            kExitDone);
  EXPECT_THAT(client_.rollout_status_requests, SizeIs(3));
}

TEST_F(CommandsTest, ApplyFillsInTheNamespaceAndRefusesAContradiction) {
  Context context = MakeContext(kDaemonSet);
  context.ns = "shop";
  EXPECT_EQ(RunApply(context, {.sources = {.files = {"-"}, .namespace_given = true}}), kExitDone);
  EXPECT_EQ(model::MetadataOf(client_.applied[0].objects(0)).namespace_(), "shop");
  Context other = MakeContext("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: a}");
  other.ns = "b";
  EXPECT_EQ(RunApply(other, {.sources = {.files = {"-"}, .namespace_given = true}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("does not match the namespace \"b\""));
  EXPECT_THAT(client_.applied, SizeIs(1));
}

TEST_F(CommandsTest, ApplyOfAMalformedFileAsksNobodyAndNamesTheLine) {
  std::string text = kDaemonSet;
  text.replace(text.find("image:"), 6, "imagee:");
  Context context = MakeContext(text);
  EXPECT_EQ(RunApply(context, {.sources = {.files = {"-"}}}), kExitError);
  EXPECT_THAT(client_.applied, IsEmpty());
  EXPECT_THAT(err_.str(), HasSubstr("<stdin>:12:"));
  EXPECT_THAT(err_.str(), HasSubstr("spec.template.spec.containers[0].imagee"));
  EXPECT_THAT(err_.str(), HasSubstr("\"image\""));
  EXPECT_THAT(err_.str(), HasSubstr("Nothing was changed."));
}

TEST_F(CommandsTest, ApplyShowsTheCoordinatorsProblemsAtTheLinesThatCausedThem) {
  admin::v1::ApplyProblems problems;
  auto* first = problems.add_problems();
  first->set_path("spec.template.spec.containers[0].image");
  first->set_type("Required value");
  auto* second = problems.add_problems();
  second->set_path("spec.selector");
  second->set_type("Invalid value");
  second->set_value("{}");
  second->set_detail("field is immutable");
  client_.next_error = absl::InvalidArgumentError("invalid");
  client_.next_error.SetPayload("type.googleapis.com/muster.admin.v1.ApplyProblems",
                                absl::Cord(problems.SerializeAsString()));
  Context context = MakeContext(kDaemonSet);
  EXPECT_EQ(RunApply(context, {.sources = {.files = {"-"}}}), kExitError);
  EXPECT_EQ(err_.str(),
            "The DaemonSet \"web\" is invalid: \n"
            "* spec.template.spec.containers[0].image: Required value (<stdin>:12:16)\n"
            "* spec.selector: Invalid value: {}: field is immutable (<stdin>:6:3)\n"
            "Nothing was changed.\n");
}

TEST_F(CommandsTest, ApplyOfAFolderReadsItsManifestsInOrder) {
  std::string made = ::testing::TempDir() + "apply-XXXXXX";
  ASSERT_NE(::mkdtemp(made.data()), nullptr);
  std::ofstream(made + "/2.yaml") << "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\n";
  std::ofstream(made + "/1.json")
      << R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"}})";
  std::ofstream(made + "/notes.txt") << "not a manifest";
  Context context = MakeContext();
  EXPECT_EQ(RunApply(context, {.sources = {.files = {made}}}), kExitDone);
  EXPECT_EQ(out_.str(), "configmap/one created\nconfigmap/two created\n");
  EXPECT_EQ(RunApply(context, {.sources = {.files = {made + "/none.yaml"}}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("none.yaml\" does not exist"));
  std::filesystem::remove_all(made);
}

TEST_F(CommandsTest, RecordWarnsAsKubectlDoes) {
  Context context = MakeContext(kDaemonSet);
  RunApply(context, {.sources = {.files = {"-"}}, .record = true});
  EXPECT_THAT(err_.str(), StartsWith("Flag --record has been deprecated"));
}

TEST_F(CommandsTest, ClientDryRunAsksNobody) {
  Context context = MakeContext(kDaemonSet);
  EXPECT_EQ(RunApply(context, {.sources = {.files = {"-"}}, .dry_run = DryRun::kClient}),
            kExitDone);
  EXPECT_THAT(client_.applied, IsEmpty());
  EXPECT_EQ(out_.str(), "daemonset.apps/web created (dry run)\n");
}

TEST_F(CommandsTest, GetPrintsATableOrSaysThatThereIsNothing) {
  Context context = MakeContext();
  EXPECT_EQ(RunGet(context, {.arguments = {"po"}}), kExitDone);
  EXPECT_EQ(err_.str(), "No resources found in default namespace.\n");
  client_.Put(Pod("a"));
  EXPECT_EQ(RunGet(context, {.arguments = {"pods"}}), kExitDone);
  EXPECT_EQ(out_.str(), "NAME   AGE\na      5s\n");
}

TEST_F(CommandsTest, GetOfAnUnknownKindOrNameIsAnError) {
  Context context = MakeContext();
  EXPECT_EQ(RunGet(context, {.arguments = {"gizmos"}}), kExitError);
  EXPECT_EQ(err_.str(), "error: the server doesn't have a resource type \"gizmos\"\n");
  err_.str("");
  EXPECT_EQ(RunGet(context, {.arguments = {"pod", "x"}}), kExitError);
  EXPECT_EQ(err_.str(), "Error from server (NotFound): pods \"x\" not found\n");
  EXPECT_EQ(RunGet(context, {.arguments = {"pod", "x"}, .ignore_not_found = true}), kExitDone);
}

TEST_F(CommandsTest, GetOfSeveralKindsShowsEachWithItsKind) {
  client_.Put(Pod("a"));
  client_.Put(Node("n"));
  Context context = MakeContext();
  EXPECT_EQ(RunGet(context, {.arguments = {"nodes,pods"}}), kExitDone);
  EXPECT_EQ(out_.str(), "NAME     AGE\nnode/n   5s\n\nNAME    AGE\npod/a   5s\n");
  out_.str("");
  EXPECT_EQ(RunGet(context, {.arguments = {"pod/a", "node/n"}, .output = "name"}), kExitDone);
  EXPECT_EQ(out_.str(), "pod/a\nnode/n\n");
}

TEST_F(CommandsTest, GetOneAsYamlIsTheObjectAndGetManyIsAList) {
  client_.Put(Pod("a"));
  Context context = MakeContext();
  EXPECT_EQ(RunGet(context, {.arguments = {"pod", "a"}, .output = "yaml"}), kExitDone);
  EXPECT_THAT(out_.str(), StartsWith("apiVersion: v1\nkind: Pod\n"));
  out_.str("");
  EXPECT_EQ(RunGet(context, {.arguments = {"pods"}, .output = "json"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("\"kind\": \"List\""));
}

TEST_F(CommandsTest, WatchPrintsTheListTogetherAndThenEachChange) {
  admin::v1::WatchEvent event;
  event.set_type(admin::v1::WatchEvent::ADDED);
  event.mutable_table()->add_columns()->set_name("NAME");
  event.mutable_table()->add_rows()->add_cells("a");
  client_.watch_events.push_back(event);
  event.mutable_table()->mutable_rows(0)->set_cells(0, "longer");
  client_.watch_events.push_back(event);
  admin::v1::WatchEvent synced;
  synced.set_type(admin::v1::WatchEvent::SYNCED);
  client_.watch_events.push_back(synced);
  event.set_type(admin::v1::WatchEvent::MODIFIED);
  client_.watch_events.push_back(event);
  Context context = MakeContext();
  EXPECT_EQ(RunGet(context, {.arguments = {"pods"}, .watch = true}), kExitDone);
  EXPECT_EQ(out_.str(), "NAME\na\nlonger\nlonger\n");
}

TEST_F(CommandsTest, DeleteWaitsUntilThatVeryObjectIsGone) {
  client_.Put(Pod("a"));
  admin::v1::WatchEvent there;
  there.set_type(admin::v1::WatchEvent::ADDED);
  *there.mutable_object() = Pod("a");
  admin::v1::WatchEvent synced;
  synced.set_type(admin::v1::WatchEvent::SYNCED);
  admin::v1::WatchEvent gone = there;
  gone.set_type(admin::v1::WatchEvent::DELETED);
  client_.watch_events = {there, synced, gone};
  client_.watch_end = absl::InternalError("the watch must have ended before");
  Context context = MakeContext();
  EXPECT_EQ(RunDelete(context, {.arguments = {"pod", "a"}}), kExitDone);
  EXPECT_EQ(out_.str(), "pod \"a\" deleted\n");
  // Another one of the same name is not waited for.
  client_.Put(Pod("a"));
  model::MutableMetadataOf(*client_.watch_events[0].mutable_object()).set_uid("another");
  client_.watch_events.pop_back();
  EXPECT_EQ(RunDelete(context, {.arguments = {"pod", "a"}}), kExitDone);
}

TEST_F(CommandsTest, DeleteOfAMirrorIsOverWhenItHasComeAgain) {
  v1::Object mirror = Pod("a");
  (*model::MutableMetadataOf(mirror).mutable_annotations())["kubernetes.io/config.mirror"] = "h";
  client_.Put(mirror);
  admin::v1::WatchEvent going;
  going.set_type(admin::v1::WatchEvent::ADDED);
  *going.mutable_object() = mirror;
  model::MutableMetadataOf(*going.mutable_object()).mutable_deletion_timestamp()->set_seconds(1);
  admin::v1::WatchEvent again;
  again.set_type(admin::v1::WatchEvent::ADDED);
  *again.mutable_object() = mirror;
  // Its going was over before the watch began.
  client_.watch_events = {going, again};
  client_.watch_end = absl::InternalError("the watch must have ended before");
  Context context = MakeContext();
  EXPECT_EQ(RunDelete(context, {.arguments = {"pod", "a"}}), kExitDone);
}

TEST_F(CommandsTest, DeleteByFileNamesTheFileOfWhatIsMissing) {
  Context context = MakeContext(kDaemonSet);
  EXPECT_EQ(RunDelete(context, {.files = {"-"}}), kExitError);
  EXPECT_THAT(err_.str(),
              StartsWith("Error from server (NotFound): error when deleting \"<stdin>\": "));
}

TEST_F(CommandsTest, DeleteWithoutANameNeedsAllOrASelector) {
  client_.Put(Pod("a"));
  client_.Put(Pod("b"));
  Context context = MakeContext();
  EXPECT_EQ(RunDelete(context, {.arguments = {"pods"}}), kExitError);
  EXPECT_THAT(client_.deleted, IsEmpty());
  EXPECT_EQ(RunDelete(context, {.arguments = {"pods"}, .selection = {.all = true}, .wait = false}),
            kExitDone);
  EXPECT_THAT(client_.deleted, SizeIs(2));
}

TEST_F(CommandsTest, LabelSetsRemovesAndRefusesToOverwrite) {
  client_.Put(Node("n"));
  Context context = MakeContext();
  EXPECT_EQ(RunLabel(context, {.arguments = {"nodes", "n", "tier=front"}}), kExitDone);
  EXPECT_EQ(model::MetadataOf(client_.objects["nodes//n"]).labels().at("tier"), "front");
  EXPECT_EQ(RunLabel(context, {.arguments = {"nodes", "n", "tier=back"}}), kExitError);
  EXPECT_EQ(err_.str(), "error: 'tier' already has a value (front), and --overwrite is false\n");
  EXPECT_EQ(RunLabel(context, {.arguments = {"nodes", "n", "tier=back"}, .overwrite = true}),
            kExitDone);
  EXPECT_EQ(RunLabel(context, {.arguments = {"node/n", "tier-"}}), kExitDone);
  EXPECT_TRUE(model::MetadataOf(client_.objects["nodes//n"]).labels().empty());
  EXPECT_EQ(out_.str(), "node/n labeled\nnode/n labeled\nnode/n unlabeled\n");
}

TEST_F(CommandsTest, AnEditThatCollidesWithAnotherOneIsDoneAgainOnTheFreshObject) {
  client_.Put(Node("n"));
  client_.update_errors = {absl::AbortedError("changed")};
  Context context = MakeContext();
  EXPECT_EQ(RunLabel(context, {.arguments = {"nodes", "n", "a=b"}}), kExitDone);
  EXPECT_THAT(client_.updated, SizeIs(2));
}

TEST_F(CommandsTest, TaintAddsChangesAndRemoves) {
  client_.Put(Node("n"));
  Context context = MakeContext();
  EXPECT_EQ(RunTaint(context, {.arguments = {"nodes", "n", "gpu=yes:NoSchedule"}}), kExitDone);
  const v1::NodeSpec& spec = client_.objects["nodes//n"].node().spec();
  ASSERT_EQ(spec.taints_size(), 1);
  EXPECT_EQ(spec.taints(0).key(), "gpu");
  EXPECT_EQ(spec.taints(0).value(), "yes");
  EXPECT_EQ(spec.taints(0).effect(), "NoSchedule");
  EXPECT_EQ(RunTaint(context, {.arguments = {"nodes", "n", "gpu=no:NoSchedule"}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("already has gpu taint(s) with same effect(s)"));
  EXPECT_EQ(RunTaint(context, {.arguments = {"nodes", "n", "gpu:NoSchedule-"}}), kExitDone);
  EXPECT_EQ(client_.objects["nodes//n"].node().spec().taints_size(), 0);
  EXPECT_EQ(out_.str(), "node/n tainted\nnode/n untainted\n");
  EXPECT_EQ(RunTaint(context, {.arguments = {"nodes", "n", "gpu-"}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("taint \"gpu\" not found"));
  EXPECT_EQ(RunTaint(context, {.arguments = {"nodes", "n", "a=b:Sometimes"}}), kExitUsage);
}

TEST_F(CommandsTest, CordonSaysWhenItIsDoneAlready) {
  client_.Put(Node("n"));
  Context context = MakeContext();
  EXPECT_EQ(RunCordon(context, {.arguments = {"n"}}, true), kExitDone);
  EXPECT_EQ(RunCordon(context, {.arguments = {"n"}}, true), kExitDone);
  EXPECT_EQ(RunCordon(context, {.arguments = {"n"}}, false), kExitDone);
  EXPECT_EQ(out_.str(), "node/n cordoned\nnode/n already cordoned\nnode/n uncordoned\n");
}

TEST_F(CommandsTest, RolloutStatusHasItsOwnExitCodes) {
  Context context = MakeContext();
  client_.rollout_updates.emplace_back().set_line("a line");
  EXPECT_EQ(RunRolloutStatus(context, {.arguments = {"ds/web"}}), kExitDone);
  EXPECT_EQ(out_.str(), "a line\n");
  client_.watch_end = absl::DeadlineExceededError("late");
  EXPECT_EQ(RunRolloutStatus(context, {.arguments = {"ds", "web"}}), kExitTimedOut);
  EXPECT_THAT(err_.str(), HasSubstr("timed out waiting for the condition"));
  EXPECT_EQ(RunRolloutStatus(context, {.arguments = {"pods/x"}}), kExitError);
}

TEST_F(CommandsTest, LogsOfADaemonSetMayBeThoseOfOnePod) {
  v1::Object object = model::NewObject(*model::FindResource("ds"));
  model::MutableMetadataOf(object).set_name("web");
  model::MutableMetadataOf(object).set_namespace_("default");
  (*object.mutable_daemon_set()->mutable_spec()->mutable_selector()->mutable_match_labels())["a"] =
      "b";
  client_.Put(object);
  for (const char* name : {"p1", "p2"}) {
    v1::Object pod = Pod(name);
    pod.mutable_pod()->mutable_spec()->add_containers()->set_name("main");
    client_.Put(pod);
  }
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.arguments = {"ds/web"}, .all_pods = false}), kExitDone);
  EXPECT_EQ(out_.str(), "hello\n");
  EXPECT_EQ(err_.str(), "Found 2 pods, using pod/p1\n");
  EXPECT_EQ(client_.logs[0].pod(), "p1");
  EXPECT_EQ(client_.listed.back().label_selector(), "a=b");
}

TEST_F(CommandsTest, TokenCreatePrintsTheJoinCommand) {
  Context context = MakeContext();
  EXPECT_EQ(RunTokenCreate(context, {.ttl = std::chrono::seconds(90), .uses = 3}), kExitDone);
  EXPECT_EQ(out_.str(), "muster-agent join h:7440 --token id.secret --ca-hash sha256:00\n");
  EXPECT_EQ(client_.token_requests[0].ttl_seconds(), 90);
  EXPECT_EQ(client_.token_requests[0].uses(), 3);
}

TEST_F(CommandsTest, AnUnreachableCoordinatorIsNamed) {
  client_.next_error = absl::UnavailableError("connection refused");
  Context context = MakeContext();
  EXPECT_EQ(RunGet(context, {.arguments = {"nodes"}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("cannot reach the coordinator at unix:/s"));
}

}  // namespace
}  // namespace muster::ctl
