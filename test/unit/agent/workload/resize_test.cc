// pod-lifecycle.md, 24: resources of a running container that change in place.
#include "agent/workload/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/workload/outcome.h"
#include "agent/workload/pod_status.h"
#include "google/protobuf/util/message_differencer.h"
#include "test/unit/agent/workload/fixtures.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

v1::ResourceRequirements Resources(const char* cpu, const char* memory) {
  v1::ResourceRequirements resources;
  for (auto* amounts : {resources.mutable_requests(), resources.mutable_limits()}) {
    (*amounts)["cpu"].set_text(cpu);
    (*amounts)["memory"].set_text(memory);
  }
  return resources;
}

v1::Container ContainerWith(const v1::ResourceRequirements& resources, const char* restarts_for) {
  v1::Container container;
  container.set_name("web");
  *container.mutable_resources() = resources;
  for (const char* name : {"cpu", "memory"}) {
    v1::ContainerResizePolicy& policy = *container.add_resize_policy();
    policy.set_resource_name(name);
    policy.set_restart_policy(std::string(restarts_for) == name ? "RestartContainer"
                                                                : "NotRequired");
  }
  return container;
}

// Spec: pod/24/resize
TEST(ResizeNeeded, IsByWhatDiffersAndItsPolicy) {
  const v1::ResourceRequirements made_with = Resources("100m", "16Mi");
  for (const auto& [wanted, restarts_for, expected] :
       {std::tuple(Resources("100m", "16Mi"), "", Resize::kNone),
        {Resources("0.1", "16384Ki"), "memory", Resize::kNone},
        {Resources("200m", "16Mi"), "", Resize::kInPlace},
        {Resources("200m", "16Mi"), "memory", Resize::kInPlace},
        {Resources("100m", "8Mi"), "memory", Resize::kRestart},
        {Resources("200m", "8Mi"), "memory", Resize::kRestart},
        {Resources("200m", "8Mi"), "", Resize::kInPlace}}) {
    EXPECT_EQ(ResizeNeeded(ContainerWith(wanted, restarts_for), made_with, 2), expected)
        << wanted.ShortDebugString() << restarts_for;
  }
  v1::ResourceRequirements other = made_with;
  (*other.mutable_limits())["ephemeral-storage"].set_text("1Gi");
  EXPECT_EQ(ResizeNeeded(ContainerWith(other, ""), made_with, 2), Resize::kNone);
}

// Spec: pod/24/resize
TEST(ResizeNeeded, OfOlderAgentsInstancesOnlyWhatChangedIsTold) {
  const v1::Container wanted = ContainerWith(Resources("200m", "16Mi"), "cpu");
  EXPECT_EQ(ResizeNeeded(wanted, std::nullopt, 1), Resize::kNone);
  EXPECT_EQ(ResizeNeeded(wanted, std::nullopt, 2), Resize::kInPlace);
}

class ResizeOfAPod : public testing::Test {
 protected:
  ResizeOfAPod() {
    *Web().mutable_resources() = Resources("200m", "32Mi");
    observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
    observed_.containers["web"].instances[0].resources = Resources("100m", "16Mi");
    intent_ = IntentOf(pod_);
    intent_.group = "/pod shares=204";
    observed_.group = observed_.group_raised = "/pod shares=102";
  }

  v1::Container& Web() { return *pod_.mutable_spec()->mutable_containers(0); }
  Plan Next() const { return PlanPod(intent_, observed_, kNow); }
  void Do(const absl::Status& outcome = absl::OkStatus()) {
    const Plan plan = Next();
    ASSERT_EQ(plan.actions.size(), 1u);
    Begin(plan.actions[0], intent_, kNow, observed_);
    Finish(plan.actions[0], {outcome}, intent_, kNow, observed_);
  }
  v1::PodStatus Status(const v1::PodStatus& previous = {},
                       const ResizeRefusal* refusal = nullptr) const {
    const Plan plan;
    const std::map<std::string, std::string> messages;
    const StatusInput input{.pod = pod_,
                            .observed = observed_,
                            .plan = plan,
                            .start_time = kWall,
                            .runtime_name = "containerd",
                            .termination_messages = messages,
                            .resize_refusal = refusal};
    return MakePodStatus(input, previous, kWall);
  }
  static std::string InProgress(const v1::PodStatus& status) {
    for (const v1::PodCondition& condition : status.conditions()) {
      if (condition.type() != "PodResizeInProgress") continue;
      return condition.status() + " " + condition.reason() + " " + condition.message();
    }
    return "";
  }

  v1::Pod pod_ = MakePod({"web"});
  PodIntent intent_;
  ObservedPod observed_ = WithSandbox();
};

// Spec: pod/24/resize
TEST_F(ResizeOfAPod, GoesThroughTheGroupsThatAreAroundIt) {
  EXPECT_THAT(Described(Next()), ElementsAre("raise control group /pod shares=204"));
  Do();
  EXPECT_THAT(Described(Next()),
              ElementsAre("resize container web to cpu=200m/200m memory=32Mi/32Mi"));
  EXPECT_EQ(InProgress(Status()), "True  ");
  EXPECT_EQ(Status().container_statuses(0).resources().limits().at("cpu").text(), "100m");
  EXPECT_EQ(Status().container_statuses(0).allocated_resources().at("cpu").text(), "200m");
  Do();
  EXPECT_THAT(Described(Next()), ElementsAre("set control group /pod shares=204"));
  const v1::PodStatus done = Status();
  EXPECT_EQ(InProgress(done), "");
  EXPECT_EQ(done.container_statuses(0).resources().limits().at("cpu").text(), "200m");
  Do();
  EXPECT_THAT(Next().actions, IsEmpty());

  // The next agent knows only how the instance was made. It tells the runtime again, and shows
  // what was true before.
  observed_.containers["web"].resized.clear();
  EXPECT_THAT(Described(Next()),
              ElementsAre("resize container web to cpu=200m/200m memory=32Mi/32Mi"));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(Status(done), done));
}

// Spec: pod/24/resize
TEST_F(ResizeOfAPod, ThatTheRuntimeRefusesIsShownAndTriedAgain) {
  Do();
  Do(absl::UnknownError("device or resource busy"));
  EXPECT_THAT(Next().actions, IsEmpty());
  EXPECT_EQ(Next().wake_at, kNow + seconds(10));
  EXPECT_EQ(InProgress(Status()), "True Error web: device or resource busy");
  EXPECT_EQ(observed_.group, "/pod shares=102") << "it may still have what it had";
  // Taken back, there is nothing left to do but the group.
  *Web().mutable_resources() = Resources("100m", "16Mi");
  EXPECT_THAT(Described(Next()), ElementsAre("set control group /pod shares=204"));
  EXPECT_EQ(InProgress(Status(Status())), "");
}

// Spec: pod/24/resize
TEST_F(ResizeOfAPod, ThatIsPendingIsAConditionWithItsReason) {
  const ResizeRefusal refusal{"Deferred", "Node didn't have enough resource: cpu"};
  const v1::PodStatus pending = Status({}, &refusal);
  const v1::PodCondition& condition = pending.conditions(5);
  EXPECT_EQ(condition.type(), "PodResizePending");
  EXPECT_EQ(condition.status(), "True");
  EXPECT_EQ(condition.reason(), "Deferred");
  EXPECT_EQ(condition.message(), refusal.message);
  const v1::PodStatus over = Status(pending);
  for (const v1::PodCondition& left : over.conditions()) {
    EXPECT_NE(left.type(), "PodResizePending") << "it is over";
  }
}

// Spec: pod/24/resize
TEST_F(ResizeOfAPod, HasWhatItWasMadeWithOrResizedTo) {
  EXPECT_EQ(ResizeTarget(WithWhatItHas(pod_, observed_).spec().containers(0).resources()),
            "cpu=100m/100m memory=16Mi/16Mi");
  observed_.containers["web"].resized = "c0";
  observed_.containers["web"].resized_to = "cpu=150m/0 memory=16Mi/24Mi";
  EXPECT_EQ(ResizeTarget(WithWhatItHas(pod_, observed_).spec().containers(0).resources()),
            "cpu=150m/0 memory=16Mi/24Mi");
  // Of an instance that is gone.
  observed_.containers["web"].resized = "c-before";
  EXPECT_EQ(ResizeTarget(WithWhatItHas(pod_, observed_).spec().containers(0).resources()),
            "cpu=100m/100m memory=16Mi/16Mi");
  // Nobody knows, or there is none yet: what it is to have.
  observed_.containers["web"].instances[0].resources.reset();
  EXPECT_EQ(ResizeTarget(WithWhatItHas(pod_, observed_).spec().containers(0).resources()),
            "cpu=200m/200m memory=32Mi/32Mi");
}

// Spec: pod/24/resize
TEST(JudgeResize, IsByWhatTheNodeHasAndOthersLeave) {
  const auto spec = [](const char* cpu, const char* memory) {
    v1::PodSpec made;
    *made.add_containers()->mutable_resources() = Resources(cpu, memory);
    return made;
  };
  const auto amounts = [](int64_t milli_cpu, int64_t bytes) {
    return model::ResourceAmounts{{"cpu", model::Quantity::FromMilli(milli_cpu)},
                                  {"memory", model::Quantity::FromUnits(bytes)}};
  };
  const v1::PodSpec has = spec("100m", "16Mi");
  const model::ResourceAmounts node = amounts(4000, 64 << 20), others = amounts(2000, 16 << 20);
  const auto said = [&](const v1::PodSpec& wanted) {
    const auto refusal = JudgeResize(wanted, has, others, node);
    return refusal ? refusal->reason + ": " + refusal->message : "";
  };
  EXPECT_EQ(said(spec("2", "48Mi")), "") << "all that is left";
  EXPECT_EQ(said(spec("2001m", "16Mi")),
            "Deferred: Node didn't have enough resource: cpu, requested: 2001, used: 2000, "
            "capacity: 4000");
  EXPECT_EQ(said(spec("100m", "49Mi")),
            "Deferred: Node didn't have enough resource: memory, requested: 51380224, used: "
            "16777216, capacity: 67108864");
  EXPECT_EQ(said(spec("4001m", "16Mi")),
            "Infeasible: Node didn't have enough capacity: cpu, requested: 4001, capacity: 4000");
  // What can never be had wins over what has to wait.
  EXPECT_EQ(said(spec("2001m", "65Mi")),
            "Infeasible: Node didn't have enough capacity: memory, requested: 68157440, capacity: "
            "67108864");
  // Less, or as much, is given whatever the others have.
  EXPECT_FALSE(JudgeResize(spec("50m", "16Mi"), has, amounts(9000, 1 << 30), node));
  // What the node does not tell of is not limited.
  EXPECT_FALSE(JudgeResize(spec("64", "16Mi"), has, others, {}));
}

// Spec: pod/24/resize
TEST_F(ResizeOfAPod, RestartsTheContainerWhereItsPolicySaysSo) {
  v1::ContainerResizePolicy& policy = *Web().add_resize_policy();
  policy.set_resource_name("memory");
  policy.set_restart_policy("RestartContainer");
  // The stop goes side by side with nothing.
  const Plan plan = Next();
  ASSERT_THAT(Described(plan), ElementsAre("stop container web within 30 s"));
  EXPECT_THAT(plan.notes, ElementsAre("stop web: Container web resize requires restart"));
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 143)};
  observed_.containers["web"].instances[0].resources = Resources("100m", "16Mi");
  observed_.containers["web"].image = ImageKnowledge::kPresent;
  observed_.containers["web"].image_asked = "img:1";
  EXPECT_THAT(Described(Next()), ElementsAre("raise control group /pod shares=204"));
  Do();
  // At once: it has not failed.
  EXPECT_THAT(Described(Next()), ElementsAre("launch container web (restart 1)"));
}

}  // namespace
}  // namespace muster::agent
