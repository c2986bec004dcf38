#include "agent/workload/outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/agent/workload/fixtures.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

class OutcomeTest : public testing::Test {
 protected:
  bool Do(const Action& action, const Outcome& outcome) {
    Begin(action, intent_, kNow, observed_);
    EXPECT_EQ(observed_.in_flight.size(), 1u);
    const bool look = Finish(action, outcome, intent_, kNow, observed_);
    EXPECT_TRUE(observed_.in_flight.empty());
    return look;
  }

  const v1::Pod pod_ = MakePod({"web"});
  const PodIntent intent_ = IntentOf(pod_);
  ObservedPod observed_ = WithSandbox();
  const LaunchContainer launch_{"web", false, "s0", 0, 0, "v1"};
};

// Spec: pod/1/requeue, pod/4.5/config, pod/4.5/create, pod/4.5/start
TEST_F(OutcomeTest, LaunchErrorsAreNamedByTheStepThatFailed) {
  const struct {
    LaunchStep step;
    const char* reason;
    int retry;
  } cases[] = {{LaunchStep::kConfig, "CreateContainerConfigError", 10},
               {LaunchStep::kCreate, "CreateContainerError", 10},
               {LaunchStep::kStart, "RunContainerError", 0}};
  for (const auto& c : cases) {
    EXPECT_TRUE(Do(launch_, {absl::UnknownError("bad"), c.step, std::nullopt}));
    const StepFailure& failure = *observed_.containers["web"].failure;
    EXPECT_EQ(failure.reason, c.reason);
    EXPECT_EQ(failure.message, "bad");
    EXPECT_EQ(failure.retry_at, kNow + seconds(c.retry));
  }
  Do(launch_, {});
  EXPECT_FALSE(observed_.containers["web"].failure);
}

// Kubernetes: the pull policy is applied to every start.
// Spec: pod/7/always
TEST_F(OutcomeTest, WhatIsKnownOfAnImageIsForOneStartOnly) {
  for (const absl::Status& status : {absl::OkStatus(), absl::UnknownError("bad")}) {
    ImageStatus image;
    image.id = "sha256:1";
    Do(PullImage{"web", "img:1"}, {absl::OkStatus(), LaunchStep::kConfig, image});
    EXPECT_EQ(observed_.containers["web"].image, ImageKnowledge::kPulled);
    Do(launch_, {status, LaunchStep::kStart, std::nullopt});
    EXPECT_EQ(observed_.containers["web"].image, ImageKnowledge::kUnknown);
  }
}

// Spec: pod/5/away
TEST_F(OutcomeTest, RuntimeThatIsAwayIsTriedAgainSoon) {
  Do(launch_, {absl::UnavailableError("gone"), LaunchStep::kCreate, std::nullopt});
  EXPECT_EQ(observed_.containers["web"].failure->retry_at, kNow + seconds(1));
  Do(RunSandbox{0}, {absl::UnknownError("server is not initialized yet")});
  EXPECT_EQ(observed_.sandbox_failure->retry_at, kNow + seconds(1));
}

TEST_F(OutcomeTest, PullThatFailsWhileTheRuntimeIsAwayCountsAsNoFailureOfTheImage) {
  Do(PullImage{"web", "img:1"}, {absl::UnavailableError("gone")});
  EXPECT_EQ(observed_.containers["web"].pulls.wait(), seconds(0));
  Do(PullImage{"web", "img:1"}, {absl::NotFoundError("no such image")});
  EXPECT_EQ(observed_.containers["web"].pulls.wait(), seconds(10));
  EXPECT_EQ(observed_.containers["web"].failure->reason, "ErrImagePull");
}

// A registry's 503 may come with the code of a runtime that is away: it is not asked every second.
TEST_F(OutcomeTest, PullThatStaysUnavailableIsHeldBackLikeAnyOther) {
  for (const int wait : {0, 10, 20, 40}) {
    Do(PullImage{"web", "img:1"}, {absl::UnavailableError("registry: 503")});
    EXPECT_EQ(observed_.containers["web"].pulls.wait(), seconds(wait));
  }
  Do(PullImage{"web", "img:1"},
     {absl::OkStatus(), LaunchStep::kCreate, ImageStatus{.id = "sha256:1"}});
  EXPECT_FALSE(observed_.containers["web"].failure.has_value());
}

// Spec: pod/7/special-errors
TEST_F(OutcomeTest, SpecialPullErrorsAreShownByTheirName) {
  Do(PullImage{"web", "img:1"}, {absl::UnknownError("RegistryUnavailable: down")});
  EXPECT_EQ(observed_.containers["web"].failure->reason, "RegistryUnavailable");
}

// Spec: pod/1/pull-backoff
TEST_F(OutcomeTest, BackOffBelongsToOneImage) {
  Do(PullImage{"web", "img:1"}, {absl::NotFoundError("no such image")});
  Do(PullImage{"web", "img:2"}, {absl::NotFoundError("no such image")});
  EXPECT_EQ(observed_.containers["web"].pulls.wait(), seconds(10));
}

// Spec: pod/23/reserved, pod/25/reserved-text
TEST_F(OutcomeTest, NameThatStaysReservedIsGivenUpAfterThreeTries) {
  const absl::Status reserved = absl::UnknownError(
      "failed to reserve sandbox name \"web_ns_u1_0\": name \"web_ns_u1_0\" is reserved for "
      "\"abc\"");
  EXPECT_EQ(ReservedFor(reserved), "abc");
  observed_.sandboxes.clear();
  for (int i = 0; i < 2; ++i) {
    Do(RunSandbox{0}, {reserved});
    EXPECT_EQ(Described(PlanPod(intent_, observed_, kNow + seconds(1))),
              std::vector<std::string>{"run sandbox (attempt 0)"});
  }
  Do(RunSandbox{0}, {reserved});
  EXPECT_EQ(Described(PlanPod(intent_, observed_, kNow + seconds(1))),
            std::vector<std::string>{"run sandbox (attempt 1)"});
}

// Spec: pod/23/reserved
TEST_F(OutcomeTest, ReservedContainerNameIsGivenUpAfterThreeTriesToo) {
  const absl::Status reserved = absl::UnknownError("name \"x\" is reserved for \"abc\"");
  for (int i = 0; i < 3; ++i) Do(launch_, {reserved, LaunchStep::kCreate, std::nullopt});
  EXPECT_EQ(observed_.containers["web"].skipped_attempts, 1u);
}

TEST_F(OutcomeTest, RestartBeginsTheBackOffAndAChangedDefinitionEndsIt) {
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 1)};
  Do(launch_, {});
  Do(launch_, {});
  EXPECT_EQ(observed_.containers["web"].restarts.wait(), seconds(20));
  observed_.containers["web"].instances[0].hash = "m1-older";
  Do(launch_, {});
  EXPECT_EQ(observed_.containers["web"].restarts.wait(), seconds(10));
}

TEST_F(OutcomeTest, FirstStartIsNoRestart) {
  Do(launch_, {});
  EXPECT_EQ(observed_.containers["web"].restarts.wait(), seconds(0));
}

TEST_F(OutcomeTest, StoppingWhatIsGoneIsSuccess) {
  EXPECT_TRUE(Do(StopSandbox{"s0"}, {absl::NotFoundError("no such sandbox")}));
  EXPECT_TRUE(observed_.sandboxes[0].stopped);
  EXPECT_FALSE(observed_.teardown_held_until);
  Do(StopContainer{"web", "c0", seconds(2), ""}, {absl::UnknownError("no")});
  EXPECT_EQ(observed_.teardown_held_until, kNow + seconds(1));
}

// Spec: pod/4.1/volumes-first
TEST_F(OutcomeTest, VolumesAreRetriedEverMoreSeldom) {
  observed_.prepared_inputs.reset();
  for (const int64_t wait : {500, 1000, 2000}) {
    EXPECT_FALSE(Do(PrepareVolumes{"v1"}, {absl::NotFoundError("configmap \"x\" not found")}));
    EXPECT_EQ(observed_.volumes_failure->retry_at, kNow + std::chrono::milliseconds(wait));
  }
  Do(PrepareVolumes{"v1"}, {});
  EXPECT_EQ(observed_.prepared_inputs, "v1");
}

// Spec: pod/7/never
TEST_F(OutcomeTest, MissingImageThatMustNotBePulledIsAnError) {
  Do(InspectImage{"web", "img:1", false}, {});
  EXPECT_EQ(observed_.containers["web"].failure->reason, "ErrImageNeverPull");
  EXPECT_EQ(observed_.containers["web"].failure->message,
            "Container image \"img:1\" is not present with pull policy of Never");
}

// Spec: pod/7/inspect-error
TEST_F(OutcomeTest, ImageThatCannotBeLookedForIsAnErrorOfItsOwn) {
  Do(InspectImage{"web", "img:1", true}, {absl::UnknownError("database is closed")});
  EXPECT_EQ(observed_.containers["web"].failure->reason, "ImageInspectError");
  EXPECT_EQ(observed_.containers["web"].failure->message, "database is closed");
  EXPECT_EQ(observed_.containers["web"].failure->retry_at, kNow + seconds(10));
  EXPECT_EQ(observed_.containers["web"].pulls.wait(), seconds(0)) << "nothing was pulled";
}

}  // namespace
}  // namespace muster::agent
