// Why: for every cause that can be injected into a small world, the first line names it.

#include "coordinator/explain/explain.h"

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::Node ReadyNode(const std::string& name, const std::string& status = "True") {
  v1::Node node = NodeNamed(name);
  v1::NodeCondition& ready = *node.mutable_status()->add_conditions();
  ready.set_type("Ready");
  ready.set_status(status);
  *ready.mutable_last_transition_time() = FromWallTime(kWall - std::chrono::minutes(2));
  return node;
}

// A world in order: daemon set "web", its revision settled, node "a" ready.
struct Stage : Scene {
  Stage() {
    nodes.push_back(ReadyNode("a"));
    SettleRevisions();
    hash = Hash();
  }

  // Ready since a minute, of the present revision unless told otherwise.
  v1::Pod& AddPod(const std::string& node, const std::string& name, std::string of = "") {
    pods.push_back(PodOn(daemon_set, node, of.empty() ? hash : of, name));
    SetReady(pods.back(), true, kWall - std::chrono::minutes(1));
    return pods.back();
  }

  // On its node, with one container that waits for this.
  v1::Pod& AddWaiting(const std::string& reason, const std::string& message) {
    v1::Pod& pod = AddPod("a", "web-1");
    SetReady(pod, false);
    pod.mutable_status()->set_phase("Pending");
    v1::ContainerStatus& status = Status(pod);
    status.mutable_state()->mutable_waiting()->set_reason(reason);
    status.mutable_state()->mutable_waiting()->set_message(message);
    return pod;
  }

  // On its node, with one container that runs and is not ready.
  v1::Pod& AddUnready() {
    v1::Pod& pod = AddPod("a", "web-1");
    SetReady(pod, false);
    *Status(pod).mutable_state()->mutable_running()->mutable_started_at() =
        FromWallTime(kWall - std::chrono::seconds(30));
    return pod;
  }

  static v1::ContainerStatus& Status(v1::Pod& pod) {
    if (pod.status().container_statuses().empty()) {
      pod.mutable_status()->add_container_statuses()->set_name("main");
    }
    return *pod.mutable_status()->mutable_container_statuses(0);
  }

  static void SetEnd(v1::ContainerStateTerminated& ended, int code, const std::string& reason,
                     const std::string& message = "") {
    ended.set_exit_code(code);
    ended.set_reason(reason);
    ended.set_message(message);
    *ended.mutable_finished_at() = FromWallTime(kWall - std::chrono::seconds(14));
  }

  void AddEvent(const std::string& pod, const std::string& reason, const std::string& message) {
    v1::Event event;
    event.mutable_involved_object()->set_uid("uid-of-" + pod);
    event.set_reason(reason);
    event.set_message(message);
    *event.mutable_last_timestamp() =
        FromWallTime(kWall - std::chrono::minutes(1) + std::chrono::seconds(events.size()));
    events.push_back(std::move(event));
  }

  // Another's pod that is bound to node "a".
  v1::Pod& AddOther(const std::string& name, const std::string& cpu, int port = 0) {
    v1::Pod pod;
    pod.mutable_metadata()->set_namespace_("other");
    pod.mutable_metadata()->set_name(name);
    pod.mutable_spec()->set_node_name("a");
    v1::Container& container = *pod.mutable_spec()->add_containers();
    if (!cpu.empty()) {
      (*container.mutable_resources()->mutable_requests())["cpu"].set_text(cpu);
    }
    if (port != 0) {
      v1::ContainerPort& taken = *container.add_ports();
      taken.set_host_port(port);
      taken.set_protocol("TCP");
    }
    pods.push_back(std::move(pod));
    return pods.back();
  }

  v1::Container& Main() {
    return *daemon_set.mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0);
  }
  v1::PodSpec& Template() {
    return *daemon_set.mutable_spec()->mutable_template_()->mutable_spec();
  }
  // After a change of the template: its revision is stored. The hash before it is returned.
  std::string NewTemplate(const std::string& image) {
    std::string before = hash;
    Main().set_image(image);
    SettleRevisions();
    hash = Hash();
    return before;
  }

  Explanation Why(const std::string& node = "a") const {
    World world{daemon_set, {}, {}, {}, backoff, priority_classes, now, random, limits};
    for (const v1::Node& each : nodes) world.nodes.push_back(&each);
    for (const v1::Pod& each : pods) world.pods.push_back(&each);
    for (const v1::ControllerRevision& each : revisions) world.revisions.push_back(&each);
    const Survey survey(world);
    const DaemonSetPlan plan = PlanFrom(world, survey);
    ExplainInput input{world, survey, plan, {}};
    for (const v1::Event& event : events) input.events.push_back(&event);
    return Explain(input, node);
  }

  std::vector<v1::Event> events;
  std::string hash;
};

struct Case {
  std::string name;
  std::function<void(Stage&)> inject;
  Cause cause;
  std::string line;  // That it begins with.
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

class WhyNames : public testing::TestWithParam<Case> {};

TEST_P(WhyNames, TheInjectedCauseOnItsFirstLine) {
  Stage stage;
  GetParam().inject(stage);
  const Explanation found = stage.Why();
  EXPECT_EQ(found.cause, GetParam().cause) << NameOf(found.cause) << ": " << found.line;
  EXPECT_THAT(found.line, StartsWith(GetParam().line));
  EXPECT_EQ(found.line.find('\n'), std::string::npos);
}

const Case kCases[] = {
    {"NoSuchNode", [](Stage& s) { s.nodes.clear(); }, Cause::kNoSuchNode,
     "node unknown: there is no node a"},
    {"BeingDeleted",
     [](Stage& s) {
       *s.daemon_set.mutable_metadata()->mutable_deletion_timestamp() = FromWallTime(kWall);
     },
     Cause::kBeingDeleted, "being deleted: daemon set default/web"},
    {"EmptySelector", [](Stage& s) { s.daemon_set.mutable_spec()->mutable_selector()->Clear(); },
     Cause::kSelectsEverything, "nothing is done: the selector is empty"},
    {"Suspended",
     [](Stage& s) {
       (*s.daemon_set.mutable_metadata()->mutable_annotations())[kSuspendAnnotation] = "true";
     },
     Cause::kSuspended, "suspended: annotation muster.dev/suspend is \"true\""},
    {"Paused",
     [](Stage& s) {
       s.AddPod("a", "web-1");
       s.NewTemplate("image:2");
       (*s.daemon_set.mutable_metadata()->mutable_annotations())[kPausedAnnotation] = "true";
     },
     Cause::kPaused, "paused: the rollout goes on after `musterctl rollout resume ds/web`"},
    {"Halted",
     [](Stage& s) {
       s.AddPod("a", "web-1");
       s.NewTemplate("image:2");
       v1::DaemonSetRollout& rollout = *s.daemon_set.mutable_status()->mutable_rollout();
       rollout.set_revision(s.hash);
       rollout.set_halt_reason("TooManyFailures");
       rollout.set_halt_message("1 node failed");
     },
     Cause::kHalted, "rollout halted: TooManyFailures: 1 node failed"},
    {"CanaryAwaitsPromotion",
     [](Stage& s) {
       s.nodes.push_back(ReadyNode("b"));
       s.AddPod("a", "web-1");
       const std::string before = s.NewTemplate("image:2");
       s.AddPod("b", "web-2");
       (*s.daemon_set.mutable_metadata()->mutable_annotations())[kCanaryAnnotation] = "count: 1";
       v1::DaemonSetRollout& rollout = *s.daemon_set.mutable_status()->mutable_rollout();
       rollout.set_revision(s.hash);
       rollout.set_base_revision(before);
     },
     Cause::kWaitsForPromotion, "waiting for the canary to be promoted"},
    {"LabelMissing", [](Stage& s) { (*s.Template().mutable_node_selector())["disk"] = "ssd"; },
     Cause::kNotMatched, "not matched: nodeSelector asks for disk=ssd, the node has no label disk"},
    {"LabelDiffers",
     [](Stage& s) {
       (*s.Template().mutable_node_selector())["disk"] = "ssd";
       (*s.nodes[0].mutable_metadata()->mutable_labels())["disk"] = "hdd";
     },
     Cause::kNotMatched, "not matched: nodeSelector asks for disk=ssd, the node has disk=hdd"},
    {"AffinityFails",
     [](Stage& s) {
       v1::NodeSelectorRequirement& wanted =
           *s.Template()
                .mutable_affinity()
                ->mutable_node_affinity()
                ->mutable_required_during_scheduling_ignored_during_execution()
                ->add_node_selector_terms()
                ->add_match_expressions();
       wanted.set_key("cores");
       wanted.set_operator_("Gt");
       wanted.add_values("8");
       (*s.nodes[0].mutable_metadata()->mutable_labels())["cores"] = "4";
     },
     Cause::kNotMatched,
     "not matched: required node affinity asks for cores>8, the node has cores=4"},
    {"OtherNodeNamed", [](Stage& s) { s.Template().set_node_name("b"); }, Cause::kNotMatched,
     "not matched: the template names node \"b\""},
    {"NoScheduleTaint", [](Stage& s) { AddTaint(s.nodes[0], "gpu", "NoSchedule"); },
     Cause::kTainted, "tainted: taint gpu:NoSchedule is not tolerated"},
    {"NoExecuteTaint", [](Stage& s) { AddTaint(s.nodes[0], "gone", "NoExecute"); }, Cause::kTainted,
     "tainted: taint gone:NoExecute is not tolerated"},
    {"AgentNeverReported", [](Stage& s) { s.nodes[0].mutable_status()->clear_conditions(); },
     Cause::kNeverReported, "agent never reported: node a"},
    {"NodeLost",
     [](Stage& s) {
       s.nodes[0] = ReadyNode("a", "Unknown");
       // As the node's health puts them there; they are an effect, and no cause.
       AddTaint(s.nodes[0], "node.kubernetes.io/unreachable", "NoSchedule");
       AddTaint(s.nodes[0], "node.kubernetes.io/unreachable", "NoExecute");
       s.AddPod("a", "web-1");
     },
     Cause::kNodeLost, "node lost: a has been silent for 2m"},
    {"NodeLostAndTaintedBySomebody",
     [](Stage& s) {
       s.nodes[0] = ReadyNode("a", "Unknown");
       AddTaint(s.nodes[0], "node.kubernetes.io/unreachable", "NoSchedule");
       AddTaint(s.nodes[0], "gpu", "NoSchedule");
     },
     Cause::kTainted, "tainted: taint gpu:NoSchedule is not tolerated"},
    {"NodeNotReady",
     [](Stage& s) {
       s.nodes[0] = ReadyNode("a", "False");
       s.nodes[0].mutable_status()->mutable_conditions(0)->set_message("network plugin is not up");
       AddTaint(s.nodes[0], "node.kubernetes.io/not-ready", "NoSchedule");
     },
     Cause::kNodeNotReady, "node not ready: a says: network plugin is not up"},
    {"NoPriorityClass", [](Stage& s) { s.Template().set_priority_class_name("nosuch"); },
     Cause::kCannotBeMade,
     "pod cannot be made: pods \"web-\" is forbidden: no PriorityClass with name nosuch was found"},
    {"NotCreatedYet", [](Stage&) {}, Cause::kNotCreatedYet, "not created yet: the pod is made"},
    {"DoesNotFitCpu",
     [](Stage& s) {
       (*s.Main().mutable_resources()->mutable_requests())["cpu"].set_text("4");
       s.AddOther("small", "1");
       s.AddOther("big", "5500m");
     },
     Cause::kDoesNotFit,
     "does not fit: it asks for cpu 4, and 1500m is free; held by other/big (5500m), other/small "
     "(1)"},
    {"DoesNotFitUnknownResource",
     [](Stage& s) {
       (*s.Main().mutable_resources()->mutable_requests())["vendor/gpu"].set_text("1");
     },
     Cause::kDoesNotFit, "does not fit: it asks for vendor/gpu 1, and 0 is free"},
    {"TooManyPods",
     [](Stage& s) {
       (*s.nodes[0].mutable_status()->mutable_allocatable())["pods"].set_text("1");
       s.AddOther("only", "");
     },
     Cause::kTooManyPods, "does not fit: node a has 1 pods and takes 1"},
    {"HostPortTaken",
     [](Stage& s) {
       v1::ContainerPort& wanted = *s.Main().add_ports();
       wanted.set_host_port(8080);
       wanted.set_protocol("TCP");
       s.AddOther("front", "", 8080);
     },
     Cause::kHostPortTaken, "host port taken: 8080/TCP is held by pod other/front"},
    {"WaitsForRoom",
     [](Stage& s) {
       v1::Pod& pod = s.AddPod("a", "web-1");
       pod.mutable_spec()->clear_node_name();
       pod.mutable_status()->set_phase("Pending");
       (*pod.mutable_spec()->mutable_containers(0)->mutable_resources()->mutable_requests())["cpu"]
           .set_text("9");
     },
     Cause::kDoesNotFit, "does not fit: it asks for cpu 9, and 8 is free"},
    {"AboutToBeBound",
     [](Stage& s) {
       v1::Pod& pod = s.AddPod("a", "web-1");
       pod.mutable_spec()->clear_node_name();
       pod.mutable_status()->set_phase("Pending");
     },
     Cause::kNotBound, "not bound yet: pod default/web-1 fits"},
    {"Terminating", [](Stage& s) { Terminate(s.AddPod("a", "web-1")); }, Cause::kTerminating,
     "terminating: pod default/web-1"},
    {"Failed",
     [](Stage& s) {
       v1::Pod& pod = s.AddPod("a", "web-1");
       pod.mutable_status()->set_phase("Failed");
       pod.mutable_status()->set_reason("Evicted");
       pod.mutable_status()->set_message("the node was low on disk");
     },
     Cause::kFailed, "failed: pod default/web-1 has failed: Evicted: the node was low on disk"},
    {"Completed", [](Stage& s) { s.AddPod("a", "web-1").mutable_status()->set_phase("Succeeded"); },
     Cause::kCompleted, "completed"},
    {"AgentSilentAboutPod",
     [](Stage& s) {
       v1::Pod& pod = s.AddPod("a", "web-1");
       pod.mutable_status()->clear_conditions();
     },
     Cause::kNotStartedYet, "starting: the agent of node a has not said anything"},
    {"SandboxFails",
     [](Stage& s) {
       s.AddWaiting("ContainerCreating", "");
       s.AddEvent("web-1", "FailedCreatePodSandBox", "Failed to create pod sandbox: no bridge");
     },
     Cause::kSandbox, "sandbox cannot be made: Failed to create pod sandbox: no bridge"},
    {"VolumeFails",
     [](Stage& s) {
       s.AddWaiting("ContainerCreating", "");
       s.AddEvent("web-1", "FailedMount", "volume conf: configmap \"conf\" not found");
     },
     Cause::kVolume, "volume cannot be mounted: volume conf: configmap \"conf\" not found"},
    {"ConfigMapMissing",
     [](Stage& s) {
       s.AddWaiting("CreateContainerConfigError", "configmap \"settings\" not found");
     },
     Cause::kConfigError, "config error: configmap \"settings\" not found"},
    {"InvalidImageName",
     [](Stage& s) { s.AddWaiting("InvalidImageName", "couldn't parse image \"A:b:c\""); },
     Cause::kInvalidImage, "image name is not valid: couldn't parse image \"A:b:c\""},
    {"ImageNotThere", [](Stage& s) { s.AddWaiting("ErrImagePull", "registry/image:1: not found"); },
     Cause::kImageNotPulled, "image cannot be pulled: image:1: registry/image:1: not found"},
    {"ImagePullBackOff",
     [](Stage& s) {
       s.AddWaiting("ImagePullBackOff", "Back-off pulling image \"image:1\"");
       s.AddEvent("web-1", "Failed", "Failed to pull image \"image:1\": 403 Forbidden");
       s.AddEvent("web-1", "Failed", "Error: ErrImagePull");
     },
     Cause::kImageNotPulled,
     "image cannot be pulled: image:1: Failed to pull image \"image:1\": 403 Forbidden"},
    {"ImageIsNeverPulled",
     [](Stage& s) {
       s.AddWaiting("ErrImageNeverPull", "Container image \"image:1\" is not present");
     },
     Cause::kImageNotPulled, "image cannot be pulled: image:1: Container image"},
    {"ImageIsBeingPulled",
     [](Stage& s) {
       s.AddWaiting("ContainerCreating", "");
       s.AddEvent("web-1", "Pulling", "Pulling image \"image:1\"");
     },
     Cause::kImagePulling, "image is being pulled: Pulling image \"image:1\""},
    {"BeingCreated",
     [](Stage& s) {
       s.AddWaiting("ContainerCreating", "");
       s.AddEvent("web-1", "Pulling", "Pulling image \"image:1\"");
       s.AddEvent("web-1", "Pulled", "Successfully pulled image \"image:1\"");
     },
     Cause::kNotStartedYet, "starting: container main is being created"},
    {"CreateFails", [](Stage& s) { s.AddWaiting("CreateContainerError", "no such device /dev/x"); },
     Cause::kCannotCreate, "container cannot be created: no such device /dev/x"},
    {"StartFails",
     [](Stage& s) { s.AddWaiting("RunContainerError", "exec: \"nosuch\": not found\nmore"); },
     Cause::kCannotStart, "container cannot be started: exec: \"nosuch\": not found"},
    {"CrashLoop",
     [](Stage& s) {
       v1::Pod& pod = s.AddWaiting("CrashLoopBackOff", "back-off 40s restarting");
       Stage::Status(pod).set_restart_count(3);
       Stage::SetEnd(*Stage::Status(pod).mutable_last_state()->mutable_terminated(), 7, "Error",
                     "cannot open the database");
     },
     Cause::kCrashLooping,
     "crash-looping: container main ended with exit code 7 14s ago, 3 restarts"},
    {"OutOfMemory",
     [](Stage& s) {
       v1::Pod& pod = s.AddWaiting("CrashLoopBackOff", "back-off 40s restarting");
       Stage::Status(pod).set_restart_count(1);
       Stage::SetEnd(*Stage::Status(pod).mutable_last_state()->mutable_terminated(), 137,
                     "OOMKilled");
     },
     Cause::kOutOfMemory, "out of memory: container main ended with exit code 137"},
    {"JustEnded",
     [](Stage& s) {
       v1::Pod& pod = s.AddUnready();
       Stage::SetEnd(*Stage::Status(pod).mutable_state()->mutable_terminated(), 2, "Error");
     },
     Cause::kRestarting, "restarting: container main ended with exit code 2"},
    {"InitContainerRuns",
     [](Stage& s) {
       v1::Pod& pod = s.AddWaiting("PodInitializing", "");
       pod.mutable_spec()->add_init_containers()->set_name("prepare");
       v1::ContainerStatus& init = *pod.mutable_status()->add_init_container_statuses();
       init.set_name("prepare");
       *init.mutable_state()->mutable_running()->mutable_started_at() =
           FromWallTime(kWall - std::chrono::seconds(5));
     },
     Cause::kInitializing, "initializing: init container prepare runs since 5s"},
    {"InitContainerCrashes",
     [](Stage& s) {
       v1::Pod& pod = s.AddWaiting("PodInitializing", "");
       pod.mutable_spec()->add_init_containers()->set_name("prepare");
       v1::ContainerStatus& init = *pod.mutable_status()->add_init_container_statuses();
       init.set_name("prepare");
       init.set_restart_count(2);
       init.mutable_state()->mutable_waiting()->set_reason("CrashLoopBackOff");
       Stage::SetEnd(*init.mutable_last_state()->mutable_terminated(), 1, "Error");
     },
     Cause::kCrashLooping, "crash-looping: container prepare ended with exit code 1"},
    {"StartupProbe",
     [](Stage& s) {
       v1::Pod& pod = s.AddUnready();
       pod.mutable_spec()->mutable_containers(0)->mutable_startup_probe();
       s.AddEvent("web-1", "Unhealthy", "Startup probe failed: connection refused");
     },
     Cause::kStartupProbe, "startup probe has not passed: container main runs since 30s"},
    {"ReadinessProbe",
     [](Stage& s) {
       v1::Pod& pod = s.AddUnready();
       Stage::Status(pod).set_started(true);
       pod.mutable_spec()->mutable_containers(0)->mutable_readiness_probe();
     },
     Cause::kReadinessProbe, "readiness probe fails: container main runs since 30s"},
    {"NotReadyForAnotherReason",
     [](Stage& s) {
       v1::Pod& pod = s.AddUnready();
       Stage::Status(pod).set_ready(true);
       pod.mutable_status()->mutable_conditions(0)->set_reason("ReadinessGatesNotReady");
     },
     Cause::kNotReady, "not ready: ReadinessGatesNotReady"},
    {"BeingReplaced",
     [](Stage& s) {
       s.AddPod("a", "web-1");
       s.NewTemplate("image:2");
     },
     Cause::kReplacing, "being replaced: pod default/web-1 is of an older revision"},
    {"WaitsBehindAnotherNode",
     [](Stage& s) {
       s.nodes.push_back(ReadyNode("b"));
       s.AddPod("a", "web-1");
       s.NewTemplate("image:2");
       v1::Pod& fresh = s.AddPod("b", "web-2");
       SetReady(fresh, false);
       Stage::Status(fresh).mutable_state()->mutable_waiting()->set_reason("ErrImagePull");
     },
     Cause::kWaitsForRollout, "waiting in the rollout behind b: maxUnavailable 1 is used up"},
    {"PullsAhead",
     [](Stage& s) {
       (*s.daemon_set.mutable_metadata()->mutable_annotations())["muster.dev/pre-pull"] = "true";
       s.AddPod("a", "web-1");
       s.NewTemplate("image:2");
       v1::PodPrePull& asked = *s.pods[0].mutable_pre_pull();
       asked.set_revision(s.Hash());
       asked.set_attempt(1);
       *asked.mutable_since() = FromWallTime(kWall);
       *asked.mutable_asked_at() = FromWallTime(kWall);
     },
     Cause::kImagePulling, "image is being pulled ahead, before the old pod is stopped"},
    {"CannotPullAhead",
     [](Stage& s) {
       (*s.daemon_set.mutable_metadata()->mutable_annotations())["muster.dev/pre-pull"] = "true";
       s.AddPod("a", "web-1");
       s.NewTemplate("image:2");
       v1::PodPrePull& asked = *s.pods[0].mutable_pre_pull();
       asked.set_revision(s.Hash());
       asked.set_attempt(2);
       *asked.mutable_retry_at() = FromWallTime(kWall + std::chrono::seconds(20));
       v1::PodPrePullStatus& answer = *s.pods[0].mutable_status()->mutable_pre_pull();
       answer.set_revision(s.Hash());
       answer.set_attempt(2);
       answer.set_phase("Failed");
       answer.set_message("image:2: not found");
     },
     Cause::kImageNotPulled, "image cannot be pulled: image:2: not found"},
    {"WaitsForSurge",
     [](Stage& s) {
       auto& rolling =
           *s.daemon_set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
       rolling.mutable_max_unavailable()->set_int_value(0);
       rolling.mutable_max_surge()->set_int_value(1);
       s.nodes.push_back(ReadyNode("b"));
       s.AddPod("a", "web-1");
       s.AddPod("b", "web-2");
       s.NewTemplate("image:2");
       SetReady(s.AddPod("b", "web-3"), false);
     },
     Cause::kWaitsForRollout, "waiting in the rollout behind b: maxSurge 1 is used up"},
    {"OnDelete",
     [](Stage& s) {
       s.daemon_set.mutable_spec()->mutable_update_strategy()->set_type("OnDelete");
       s.AddPod("a", "web-1");
       s.NewTemplate("image:2");
     },
     Cause::kOnDelete, "waiting to be deleted: the update strategy is OnDelete"},
    {"MinReadySeconds",
     [](Stage& s) {
       s.daemon_set.mutable_spec()->set_min_ready_seconds(120);
       s.AddPod("a", "web-1");
     },
     Cause::kMinReady, "ready, not available yet: pod default/web-1 has to stay ready for 120s"},
    {"Running", [](Stage& s) { s.AddPod("a", "web-1"); }, Cause::kRunning,
     "running: pod default/web-1 is ready for 60s"},
};

INSTANTIATE_TEST_SUITE_P(Causes, WhyNames, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(WhyNames, EveryCauseThereIs) {
  std::set<Cause> seen;
  for (const Case& each : kCases) seen.insert(each.cause);
  for (int i = 0; i <= static_cast<int>(Cause::kRunning); ++i) {
    EXPECT_TRUE(seen.contains(static_cast<Cause>(i))) << NameOf(static_cast<Cause>(i));
  }
}

TEST(Explain, TheDetailsOfAWaitNameWhatIsWrongInFront) {
  Stage stage;
  stage.nodes.push_back(ReadyNode("b"));
  stage.AddPod("a", "web-1");
  stage.NewTemplate("image:2");
  v1::Pod& fresh = stage.AddPod("b", "web-2");
  SetReady(fresh, false);
  v1::ContainerStateWaiting& waiting = *Stage::Status(fresh).mutable_state()->mutable_waiting();
  waiting.set_reason("ErrImagePull");
  waiting.set_message("no such image");
  EXPECT_THAT(stage.Why().details, Contains("b: image cannot be pulled: image:2: no such image"));
}

TEST(Explain, AnOldPodInTroubleIsReplacedBeforeAnythingElseIsSaidOfIt) {
  Stage stage;
  v1::Pod& pod = stage.AddWaiting("CrashLoopBackOff", "");
  Stage::SetEnd(*Stage::Status(pod).mutable_last_state()->mutable_terminated(), 7, "Error");
  stage.NewTemplate("image:2");
  const Explanation found = stage.Why();
  EXPECT_EQ(found.cause, Cause::kReplacing);
  EXPECT_THAT(found.details, Contains(HasSubstr("crash-looping: container main")));
}

TEST(Explain, ACrashNamesTheLogAndTheLastWords) {
  Stage stage;
  v1::Pod& pod = stage.AddWaiting("CrashLoopBackOff", "");
  Stage::SetEnd(*Stage::Status(pod).mutable_last_state()->mutable_terminated(), 7, "Error",
                "first\nsecond\n");
  const Explanation found = stage.Why();
  EXPECT_EQ(found.pod, "web-1");
  EXPECT_EQ(found.container, "main");
  EXPECT_THAT(found.details, testing::IsSupersetOf({"last words:", "  first", "  second"}));
}

TEST(Explain, APodThatWasThereBeforeTheTaintStays) {
  Stage stage;
  stage.AddPod("a", "web-1");
  AddTaint(stage.nodes[0], "gpu", "NoSchedule");
  EXPECT_THAT(stage.Why().details, Contains("pod default/web-1 was there before and stays"));
  AddTaint(stage.nodes[0], "gone", "NoExecute");
  EXPECT_THAT(stage.Why().details, Contains("pod default/web-1 goes"));
}

TEST(Explain, TheNodesAreThoseThereAreAndThoseWithPods) {
  Stage stage;
  stage.AddPod("lost", "web-1");
  World world{stage.daemon_set,
              {&stage.nodes[0]},
              {&stage.pods[0]},
              {},
              stage.backoff,
              stage.priority_classes,
              kNow,
              stage.random,
              {}};
  const Survey survey(world);
  const DaemonSetPlan plan = PlanFrom(world, survey);
  EXPECT_THAT(NodesToExplain({world, survey, plan, {}}), testing::ElementsAre("a", "lost"));
}

TEST(ExplainPod, OfNoDaemonSet) {
  Stage stage;
  v1::Pod& pod = stage.AddOther("single", "1");
  SetReady(pod, true, kWall - std::chrono::minutes(5));
  const std::vector<const v1::Pod*> pods = {&pod};
  EXPECT_THAT(ExplainPod(pod, &stage.nodes[0], pods, {}, kWall).line,
              StartsWith("running: pod other/single is ready for 5m"));
  EXPECT_EQ(ExplainPod(pod, nullptr, pods, {}, kWall).cause, Cause::kNoSuchNode);

  pod.mutable_spec()->clear_node_name();
  EXPECT_EQ(ExplainPod(pod, nullptr, pods, {}, kWall).cause, Cause::kNotBound);
  v1::PodCondition& scheduled = *pod.mutable_status()->add_conditions();
  scheduled.set_type("PodScheduled");
  scheduled.set_message("0/3 nodes are available: 3 Insufficient cpu.");
  EXPECT_EQ(ExplainPod(pod, nullptr, pods, {}, kWall).line,
            "not bound: 0/3 nodes are available: 3 Insufficient cpu.");
}

}  // namespace
}  // namespace muster::coordinator
