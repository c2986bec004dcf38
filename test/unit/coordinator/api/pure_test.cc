#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/api/container_choice.h"
#include "coordinator/api/deletion.h"
#include "coordinator/api/field_selector.h"
#include "coordinator/api/rollout_status.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using admin::v1::DeleteRequest;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// kubectl's order of looks at a roll-out.
// Spec: 12.5/not-observed, 12.5/updating, 12.5/becoming-available, 12.5/done
TEST(RolloutStateOf, SaysWhatKubectlSays) {
  struct Case {
    std::string daemon_set;
    std::string line;
    bool done;
  };
  const std::vector<Case> cases = {
      {"metadata { generation: 2 } status { observed_generation: 1 desired_number_scheduled: 3 }",
       "Waiting for daemon set spec update to be observed...", false},
      {"metadata { name: 'x' generation: 2 } status { observed_generation: 2 "
       "desired_number_scheduled: 3 updated_number_scheduled: 1 number_available: 3 }",
       "Waiting for daemon set \"x\" rollout to finish: 1 out of 3 new pods have been updated...",
       false},
      {"metadata { name: 'x' generation: 2 } status { observed_generation: 2 "
       "desired_number_scheduled: 3 updated_number_scheduled: 3 number_available: 2 }",
       "Waiting for daemon set \"x\" rollout to finish: 2 of 3 updated pods are available...",
       false},
      {"metadata { name: 'x' generation: 2 } status { observed_generation: 2 "
       "desired_number_scheduled: 3 updated_number_scheduled: 3 number_available: 3 }",
       "daemon set \"x\" successfully rolled out", true},
      {"metadata { name: 'x' generation: 1 } status { observed_generation: 1 }",
       "daemon set \"x\" successfully rolled out", true},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<RolloutState> state = RolloutStateOf(Parse<v1::DaemonSet>(c.daemon_set));
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(state->line, c.line);
    EXPECT_EQ(state->done, c.done) << c.line;
  }
}

// What Kubernetes has no words for.
TEST(RolloutStateOf, SaysWhatARolloutOfMusterDoes) {
  struct Case {
    std::string rollout;
    std::string line;
    bool done = false;
    bool failed = false;
    bool all_nodes = false;
  };
  const std::string left = "nodes: 2 updated: 2 done: 2 left: 1 left_nodes: 'n3' ";
  const std::string waiting = "Waiting for daemon set \"x\" ";
  const std::vector<Case> cases = {
      {"phase: 'Progressing' nodes: 2 updated: 1 left: 1 left_nodes: 'n3'",
       waiting + "rollout to finish: 1 out of 2 new pods have been updated..."},
      {left + "phase: 'Complete'",
       "1 node left for later, unreachable: n3\ndaemon set \"x\" successfully rolled out", true},
      {left + "phase: 'Complete'",
       waiting + "rollout to finish: 1 node is left for later, unreachable: n3...", false, false,
       true},
      {"phase: 'AwaitingNodes' left: 3 left_nodes: 'n1' left_nodes: 'n2' left_nodes: 'n3'",
       waiting + "rollout to finish: 3 nodes are left for later, unreachable: n1, n2, n3..."},
      {"phase: 'Halted' halt_reason: 'TooManyFailures' halt_message: '2 nodes failed'",
       "daemon set \"x\" rollout was halted: TooManyFailures: 2 nodes failed", true, true},
      {"phase: 'Paused' nodes: 3 updated: 1",
       waiting + "rollout to finish: paused, 1 out of 3 new pods have been updated..."},
      {"phase: 'AwaitingPromotion' nodes: 3 updated: 2 taken: 1",
       waiting +
           "rollout to finish: the canary is done on 1 node out of 3, promote or abort it..."},
      {"phase: 'Progressing' rolled_back_from: '7f' nodes: 3 updated: 1",
       waiting + "to go back from revision 7f: 1 out of 3 new pods have been updated..."},
      {"phase: 'Complete' rolled_back_from: '7f' nodes: 3 updated: 3 done: 3 "
       "rejected { revision: '7f' reason: 'TooManyFailures' message: '2 nodes failed' }",
       "daemon set \"x\" was rolled back from revision 7f: TooManyFailures: 2 nodes failed", true,
       true},
      {"phase: 'Suspended'", "daemon set \"x\" is suspended", true},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<RolloutState> state = RolloutStateOf(
        Parse<v1::DaemonSet>("metadata { name: 'x' } status { desired_number_scheduled: 2 "
                             "updated_number_scheduled: 2 number_available: 2 rollout { "
                             "revision: 'r' " +
                             c.rollout + " } }"),
        c.all_nodes);
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(state->line, c.line);
    EXPECT_EQ(state->done, c.done) << c.line;
    EXPECT_EQ(state->failed, c.failed) << c.line;
  }
}

// Spec: 12.5/on-delete
TEST(RolloutStateOf, OnDeleteHasNoRollout) {
  EXPECT_EQ(RolloutStateOf(Parse<v1::DaemonSet>("spec { update_strategy { type: 'OnDelete' } }"))
                .status(),
            absl::FailedPreconditionError(
                "rollout status is only available for RollingUpdate strategy type"));
}

v1::Pod PodWith(const std::string& spec, const std::string& annotations = "") {
  return Parse<v1::Pod>(
      absl::StrCat("metadata { name: 'x' ", annotations, " } spec { ", spec, " }"));
}

TEST(ChooseContainer, TheOnlyOneTheAnnotatedOneOrTheOneAskedFor) {
  const std::string two = "containers { name: 'a' } containers { name: 'b' }";
  const std::string annotation =
      "annotations { key: 'kubectl.kubernetes.io/default-container' value: 'b' }";
  EXPECT_EQ(*ChooseContainer(PodWith("containers { name: 'a' }"), ""), "a");
  EXPECT_EQ(*ChooseContainer(PodWith(two, annotation), ""), "b");
  EXPECT_EQ(*ChooseContainer(PodWith(two, annotation), "a"), "a");
  EXPECT_EQ(*ChooseContainer(PodWith(two + "init_containers { name: 'i' }"), "i"), "i");
}

TEST(ChooseContainer, RefusesInKubernetesWords) {
  const std::string two = "containers { name: 'a' } containers { name: 'b' }";
  EXPECT_EQ(ChooseContainer(PodWith(two), "").status(),
            absl::InvalidArgumentError(
                "a container name must be specified for pod x, choose one of: [a b]"));
  EXPECT_EQ(ChooseContainer(PodWith(two + "init_containers { name: 'i' }"), "").status(),
            absl::InvalidArgumentError("a container name must be specified for pod x, choose one "
                                       "of: [a b] or one of the init containers: [i]"));
  EXPECT_EQ(ChooseContainer(PodWith(two), "foo").status(),
            absl::InvalidArgumentError("container foo is not valid for pod x"));
}

const model::KindInfo& Info(model::Kind kind) { return *model::FindKind(kind); }

TEST(FieldSelector, SelectsByTheFieldsThatKubernetesSelectsBy) {
  const v1::Object pod = Parse<v1::Object>(
      "pod { metadata { name: 'a' namespace: 'ns' } spec { node_name: 'n1' host_network: true } "
      "status { phase: 'Running' pod_ip: '10.0.0.9' } }");
  struct Case {
    std::string selector;
    bool matches;
  };
  for (const Case& c : std::vector<Case>{
           {"", true},
           {"spec.nodeName=n1", true},
           {"spec.nodeName==n1", true},
           {"spec.nodeName!=n1", false},
           {"spec.nodeName=n2", false},
           {"spec.nodeName=", false},
           {"spec.hostNetwork=true", true},
           {"metadata.name=a,metadata.namespace=ns", true},
           {"metadata.name=a,metadata.namespace=other", false},
           {"status.phase!=Failed,status.podIP=10.0.0.9", true},
       }) {
    const absl::StatusOr<FieldSelector> selector =
        FieldSelector::Parse(c.selector, Info(v1::Object::kPod));
    ASSERT_TRUE(selector.ok()) << c.selector;
    EXPECT_EQ(selector->Matches(pod), c.matches) << c.selector;
  }
}

TEST(FieldSelector, EventsAreSelectedByWhatTheyAreAbout) {
  const v1::Object event = Parse<v1::Object>(
      "event { involved_object { kind: 'Pod' name: 'a' uid: 'u' } source { component: 'agent' } "
      "type: 'Warning' }");
  for (const std::string selector :
       {"involvedObject.name=a,involvedObject.kind=Pod", "involvedObject.uid=u", "source=agent",
        "type=Warning", "reason="}) {
    EXPECT_TRUE(FieldSelector::Parse(selector, Info(v1::Object::kEvent))->Matches(event))
        << selector;
  }
}

TEST(FieldSelector, RefusesFieldsThatAreNoneAndWhatCannotBeRead) {
  EXPECT_EQ(FieldSelector::Parse("spec.color=red", Info(v1::Object::kPod)).status(),
            absl::InvalidArgumentError("field label not supported: spec.color"));
  EXPECT_EQ(FieldSelector::Parse("metadata.namespace=x", Info(v1::Object::kNode)).status(),
            absl::InvalidArgumentError("field label not supported: metadata.namespace"));
  EXPECT_FALSE(FieldSelector::Parse("spec.nodeName", Info(v1::Object::kPod)).ok());
  EXPECT_FALSE(FieldSelector::Parse("=x", Info(v1::Object::kPod)).ok());
}

constexpr WallTime kNow{1000s};

Deletion Plan(const std::string& object, DeleteRequest::Cascade cascade = DeleteRequest::BACKGROUND,
              std::optional<int64_t> grace = std::nullopt) {
  absl::StatusOr<Deletion> deletion = PlanDeletion(Parse<v1::Object>(object), cascade, grace, kNow);
  EXPECT_TRUE(deletion.ok()) << deletion.status();
  return deletion.ok() ? *deletion : Deletion();
}

TEST(PlanDeletion, ARunningPodGetsTheTimeToStop) {
  const std::string pod = "pod { spec { node_name: 'n1' termination_grace_period_seconds: 45 } }";
  const Deletion own = Plan(pod);
  EXPECT_FALSE(own.remove);
  EXPECT_EQ(own.object.pod().metadata().deletion_timestamp().seconds(), 1045);
  EXPECT_EQ(own.object.pod().metadata().deletion_grace_period_seconds(), 45);
  EXPECT_EQ(Plan(pod, DeleteRequest::BACKGROUND, 5)
                .object.pod()
                .metadata()
                .deletion_timestamp()
                .seconds(),
            1005);
  EXPECT_EQ(Plan("pod { spec { node_name: 'n1' } }")
                .object.pod()
                .metadata()
                .deletion_grace_period_seconds(),
            30);
}

TEST(PlanDeletion, APodNobodyRunsAndGraceZeroAreRemovedAtOnce) {
  EXPECT_TRUE(Plan("pod { spec { } }").remove);
  EXPECT_TRUE(Plan("pod { spec { node_name: 'n1' } status { phase: 'Failed' } }").remove);
  EXPECT_TRUE(Plan("pod { spec { node_name: 'n1' } status { phase: 'Succeeded' } }").remove);
  EXPECT_TRUE(Plan("pod { spec { node_name: 'n1' } }", DeleteRequest::BACKGROUND, 0).remove);
}

TEST(PlanDeletion, ALaterRequestCanOnlyShortenTheTime) {
  const std::string terminating =
      "pod { metadata { deletion_timestamp { seconds: 1010 } deletion_grace_period_seconds: 30 } "
      "spec { node_name: 'n1' } }";
  EXPECT_TRUE(Plan(terminating).unchanged);
  EXPECT_TRUE(Plan(terminating, DeleteRequest::BACKGROUND, 60).unchanged);
  const Deletion shorter = Plan(terminating, DeleteRequest::BACKGROUND, 3);
  EXPECT_FALSE(shorter.unchanged);
  EXPECT_EQ(shorter.object.pod().metadata().deletion_timestamp().seconds(), 1003);
}

TEST(PlanDeletion, ADaemonSetGoesAtOnceOrWaitsForItsPods) {
  const std::string daemon_set = "daemon_set { metadata { name: 'x' generation: 4 } }";
  EXPECT_TRUE(Plan(daemon_set).remove);
  for (const auto& [cascade, finalizer] :
       {std::pair(DeleteRequest::FOREGROUND, "foregroundDeletion"),
        std::pair(DeleteRequest::ORPHAN, "orphan")}) {
    const Deletion deletion = Plan(daemon_set, cascade);
    EXPECT_FALSE(deletion.remove);
    const v1::ObjectMeta& metadata = deletion.object.daemon_set().metadata();
    ASSERT_EQ(metadata.finalizers_size(), 1);
    EXPECT_EQ(metadata.finalizers(0), finalizer);
    EXPECT_EQ(metadata.deletion_timestamp().seconds(), 1000);
    EXPECT_EQ(metadata.generation(), 5);
  }
}

TEST(PlanDeletion, WhatHasFinalizersStaysAndIsNotDeletedTwice) {
  const Deletion first = Plan("config_map { metadata { name: 'x' finalizers: 'mine' } }");
  EXPECT_FALSE(first.remove);
  EXPECT_TRUE(first.object.config_map().metadata().has_deletion_timestamp());
  absl::StatusOr<Deletion> second =
      PlanDeletion(first.object, DeleteRequest::BACKGROUND, std::nullopt, kNow + 5s);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->unchanged);
  EXPECT_TRUE(Plan("config_map { metadata { name: 'x' } }").remove);
}

TEST(PlanDeletion, RefusesBuiltInNamespacesAndNegativeTimes) {
  EXPECT_EQ(PlanDeletion(Parse<v1::Object>("namespace_object { metadata { name: 'default' } }"),
                         DeleteRequest::BACKGROUND, std::nullopt, kNow)
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(PlanDeletion(Parse<v1::Object>("pod { }"), DeleteRequest::BACKGROUND, -1, kNow)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace muster::coordinator
