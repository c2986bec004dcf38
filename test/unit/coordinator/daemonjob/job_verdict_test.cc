#include "coordinator/daemonjob/job_verdict.h"

#include "common/model/taints.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonjob/fixtures.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = RunStep::Kind;

class JobVerdictTest : public testing::Test {
 protected:
  // A bound run on the node that has been there since kWall.
  static RunFacts Run(const std::string& name) {
    RunFacts run;
    run.name = name;
    run.node = "a";
    run.node_uid = "uid-of-a";
    run.created = kWall;
    run.phase = PodPhase::kRunning;
    run.bound = run.tracked = true;
    return run;
  }
  static RunFacts Ended(const std::string& name, int32_t exit_code) {
    RunFacts run = Run(name);
    run.phase = exit_code == 0 ? PodPhase::kSucceeded : PodPhase::kFailed;
    run.failures = exit_code == 0 ? 0 : 1;
    run.ending = {exit_code == 0 ? "" : "main", exit_code, exit_code == 0 ? "Completed" : "Error",
                  ""};
    return run;
  }
  static v1::DaemonJobNode Record(int32_t failures, const std::string& outcome = "") {
    v1::DaemonJobNode record;
    record.set_node("a");
    record.set_node_uid("uid-of-a");
    record.set_failures(failures);
    record.set_outcome(outcome);
    return record;
  }

  JobVerdict Judge(const std::vector<RunFacts>& runs) {
    std::vector<const RunFacts*> pointers;
    for (const RunFacts& run : runs) pointers.push_back(&run);
    return JudgeJobNode(JobRules(job_), node_ ? &*node_ : nullptr, "a",
                        record_ ? &*record_ : nullptr, pointers, now_);
  }

  v1::DaemonJob job_ = JobNamed("once");
  std::optional<v1::Node> node_ = NodeNamed("a");
  std::optional<v1::DaemonJobNode> record_;
  Moment now_ = kNow;
};

TEST_F(JobVerdictTest, ANodeThatMatchesGetsARun) {
  const JobVerdict verdict = Judge({});
  EXPECT_TRUE(verdict.matches);
  EXPECT_TRUE(verdict.create);
  EXPECT_FALSE(verdict.acts());
}

TEST_F(JobVerdictTest, NodesAreChosenAsByADaemonSet) {
  const struct {
    const char* rule;
    std::function<void(v1::DaemonJob&, v1::Node&)> change;
    bool runs;
  } cases[] = {
      {"another label is asked for",
       [](v1::DaemonJob& job, v1::Node&) {
         (*job.mutable_spec()->mutable_template_()->mutable_spec()->mutable_node_selector())["x"] =
             "y";
       },
       false},
      {"a taint", [](v1::DaemonJob&, v1::Node& node) { AddTaint(node, "mine", "NoSchedule"); },
       false},
      {"cordoned, which no daemon pod minds",
       [](v1::DaemonJob&, v1::Node& node) {
         AddTaint(node, "node.kubernetes.io/unschedulable", "NoSchedule");
       },
       true},
      {"under pressure",
       [](v1::DaemonJob&, v1::Node& node) {
         AddTaint(node, "node.kubernetes.io/disk-pressure", "NoSchedule");
       },
       true},
  };
  for (const auto& c : cases) {
    job_ = JobNamed("once");
    node_ = NodeNamed("a");
    c.change(job_, *node_);
    EXPECT_EQ(Judge({}).create, c.runs) << c.rule;
    EXPECT_EQ(Judge({}).matches, c.runs) << c.rule;
  }
}

TEST_F(JobVerdictTest, ASuccessIsWrittenDownAndItsPodLetGo) {
  const JobVerdict verdict = Judge({Ended("p", 0)});
  EXPECT_TRUE(verdict.succeeded);
  EXPECT_FALSE(verdict.create);
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kRelease, "p"}));
  ASSERT_TRUE(verdict.record);
  EXPECT_EQ(verdict.record->outcome(), "Succeeded");
  EXPECT_EQ(verdict.record->pod(), "p");
  EXPECT_EQ(verdict.record->node_uid(), "uid-of-a");
  EXPECT_EQ(verdict.record->exit_code(), 0);
}

TEST_F(JobVerdictTest, WhatHasSucceededIsOverWhateverBecomesOfThePod) {
  record_ = Record(0, "Succeeded");
  RunFacts pod = Ended("p", 0);
  pod.tracked = false;
  for (const std::vector<RunFacts>& runs : {std::vector<RunFacts>(), {pod}}) {
    const JobVerdict verdict = Judge(runs);
    EXPECT_TRUE(verdict.succeeded);
    EXPECT_FALSE(verdict.create);
    EXPECT_FALSE(verdict.acts());
  }
}

TEST_F(JobVerdictTest, AFailureIsCountedOnceAndTriedAgainAfterAWhile) {
  const JobVerdict first = Judge({Ended("p", 3)});
  ASSERT_TRUE(first.record);
  EXPECT_EQ(first.record->failures(), 1);
  EXPECT_EQ(first.record->exit_code(), 3);
  EXPECT_EQ(first.record->container(), "main");
  EXPECT_EQ(first.record->outcome(), "");
  EXPECT_FALSE(first.create);

  record_ = *first.record;
  RunFacts counted = Ended("p", 3);
  counted.tracked = false;
  const JobVerdict waits = Judge({counted});
  EXPECT_FALSE(waits.create);
  EXPECT_FALSE(waits.acts());
  ASSERT_TRUE(waits.wake_at);
  EXPECT_EQ(*waits.wake_at, now_.mono + seconds(10));
  now_.wall += seconds(10);
  EXPECT_TRUE(Judge({counted}).create);
}

TEST(RetryDelayTest, DoublesUpToSixMinutes) {
  const std::vector<std::pair<int32_t, int>> cases = {{1, 10},  {2, 20},  {3, 40},  {4, 80},
                                                      {5, 160}, {6, 320}, {7, 360}, {1000, 360}};
  for (const auto& [failures, delay] : cases) {
    EXPECT_EQ(RetryDelay(failures), seconds(delay)) << failures;
  }
}

TEST_F(JobVerdictTest, AClockThatWasSetBackDoesNotHoldItUp) {
  record_ = Record(1);
  *record_->mutable_retry_time() = FromWallTime(now_.wall + seconds(3600));
  EXPECT_TRUE(Judge({}).create);
}

TEST_F(JobVerdictTest, PastTheLimitTheNodeHasFailed) {
  record_ = Record(2);
  const JobVerdict verdict = Judge({Ended("p", 3)});
  EXPECT_TRUE(verdict.failed);
  EXPECT_TRUE(verdict.newly_failed);
  EXPECT_FALSE(verdict.create);
  ASSERT_TRUE(verdict.record);
  EXPECT_EQ(verdict.record->outcome(), "Failed");
  EXPECT_EQ(verdict.record->failures(), 3);
  EXPECT_FALSE(verdict.record->has_retry_time());

  record_ = *verdict.record;
  EXPECT_TRUE(Judge({}).failed);
  EXPECT_FALSE(Judge({}).newly_failed);
  EXPECT_FALSE(Judge({}).acts());
  // A higher limit is another chance.
  job_.mutable_spec()->set_backoff_limit(3);
  const JobVerdict again = Judge({});
  EXPECT_FALSE(again.failed);
  EXPECT_TRUE(again.create);
  EXPECT_EQ(again.record->outcome(), "");
}

TEST_F(JobVerdictTest, WithoutRetriesTheFirstFailureIsTheLast) {
  job_.mutable_spec()->set_backoff_limit(0);
  EXPECT_TRUE(Judge({Ended("p", 1)}).failed);
  EXPECT_FALSE(Judge({Run("p")}).failed);
}

// Its containers are started again where they are, so the pod never fails by itself.
TEST_F(JobVerdictTest, APodThatKeepsFailingIsGivenUp) {
  RunFacts pod = Run("p");
  pod.failures = 2;
  JobVerdict verdict = Judge({pod});
  EXPECT_TRUE(verdict.active);
  EXPECT_FALSE(verdict.acts());

  pod.failures = 3;
  pod.ending = {"main", 7, "Error", "no disk"};
  verdict = Judge({pod});
  EXPECT_TRUE(verdict.failed);
  EXPECT_TRUE(verdict.active);
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kGiveUp, "p"}));
  EXPECT_EQ(verdict.record->failures(), 3);
  EXPECT_EQ(verdict.record->exit_code(), 7);
  EXPECT_EQ(EndingText(*verdict.record), "container main: exit code 7: no disk");

  // Until its agent is done with it, the node is busy; what it still does counts no more.
  record_ = *verdict.record;
  pod.tracked = false;
  pod.terminating = true;
  verdict = Judge({pod});
  EXPECT_TRUE(verdict.active);
  EXPECT_FALSE(verdict.acts());
  // Failures of an earlier pod count.
  record_ = Record(1);
  pod = Run("q");
  pod.failures = 2;
  EXPECT_THAT(Judge({pod}).steps, ElementsAre(RunStep{Kind::kGiveUp, "q"}));
}

TEST_F(JobVerdictTest, ARunThatWasStoppedIsNone) {
  RunFacts pod = Ended("p", 143);
  pod.interrupted = pod.terminating = true;
  pod.failures = 0;
  JobVerdict verdict = Judge({pod});
  EXPECT_FALSE(verdict.record);
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kRelease, "p"}));
  // One thing after the other.
  EXPECT_FALSE(verdict.create);
  EXPECT_TRUE(Judge({}).create);
  // What had failed before it was stopped, had.
  pod.failures = 1;
  verdict = Judge({pod});
  EXPECT_EQ(verdict.record->failures(), 1);
}

TEST_F(JobVerdictTest, ThereIsNoSecondRunWhileTheFirstMayBeAlive) {
  RunFacts leaving = Run("p");
  leaving.terminating = true;
  const JobVerdict verdict = Judge({leaving});
  EXPECT_TRUE(verdict.active);
  EXPECT_FALSE(verdict.create);
  RunFacts newer = Run("q");
  newer.created = kWall + seconds(5);
  EXPECT_THAT(Judge({newer, Run("p")}).steps, ElementsAre(RunStep{Kind::kStop, "q"}));
}

TEST_F(JobVerdictTest, AnUnboundRunThatIsDeletedIsSimplyGone) {
  RunFacts pod = Run("p");
  pod.bound = false;
  pod.terminating = true;
  EXPECT_THAT(Judge({pod}).steps, ElementsAre(RunStep{Kind::kDrop, "p"}));
  pod.terminating = false;
  EXPECT_TRUE(Judge({pod}).active);
  job_.mutable_spec()->set_suspend(true);
  EXPECT_THAT(Judge({pod}).steps, ElementsAre(RunStep{Kind::kDrop, "p"}));
}

TEST_F(JobVerdictTest, SuspendedItStopsWhatRunsAndKeepsWhatIsDone) {
  job_.mutable_spec()->set_suspend(true);
  EXPECT_FALSE(Judge({}).create);
  const JobVerdict verdict = Judge({Run("p")});
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kStop, "p"}));
  EXPECT_TRUE(verdict.active);
  EXPECT_TRUE(Judge({Ended("p", 0)}).succeeded);
}

TEST_F(JobVerdictTest, ANodeThatNoLongerMatchesLosesItsRunUnlessATaintOnlyKeepsNewOnesAway) {
  AddTaint(*node_, "mine", "NoSchedule");
  JobVerdict verdict = Judge({Run("p")});
  EXPECT_FALSE(verdict.matches);
  EXPECT_THAT(verdict.steps, IsEmpty());
  EXPECT_TRUE(verdict.active);
  node_->mutable_spec()->mutable_taints(0)->set_effect("NoExecute");
  verdict = Judge({Run("p")});
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kStop, "p"}));
  // What it has done stays, should it match again.
  record_ = Record(0, "Succeeded");
  EXPECT_FALSE(Judge({}).drop_record);
}

TEST_F(JobVerdictTest, ATaintThatIsToleratedForATimeEndsTheRunOnceThatIsOver) {
  v1::Toleration& toleration =
      *job_.mutable_spec()->mutable_template_()->mutable_spec()->add_tolerations();
  toleration.set_key("mine");
  toleration.set_operator_("Exists");
  toleration.set_toleration_seconds(60);
  AddTaint(*node_, "mine", "NoExecute");
  *node_->mutable_spec()->mutable_taints(0)->mutable_time_added() = FromWallTime(now_.wall);
  JobVerdict verdict = Judge({Run("p")});
  EXPECT_THAT(verdict.steps, IsEmpty());
  EXPECT_EQ(verdict.wake_at, now_.mono + seconds(60));
  now_.wall += seconds(60);
  now_.mono += seconds(60);
  verdict = Judge({Run("p")});
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kStop, "p"}));
  EXPECT_FALSE(verdict.matches);
}

TEST_F(JobVerdictTest, ANodeThatCannotBeReachedGetsNoneAndKeepsItsOwn) {
  AddTaint(*node_, std::string(model::kUnreachableTaint), "NoExecute");
  EXPECT_FALSE(Judge({}).create);
  EXPECT_TRUE(Judge({}).matches);
  EXPECT_TRUE(Judge({}).unreachable);
  EXPECT_TRUE(Judge({Run("p")}).active);
  EXPECT_FALSE(Judge({Run("p")}).acts());
}

TEST_F(JobVerdictTest, WithItsNodeTheRecordGoes) {
  node_.reset();
  record_ = Record(0, "Succeeded");
  RunFacts unbound = Run("u");
  unbound.bound = false;
  RunFacts marked = Run("m");
  marked.terminating = true;
  const JobVerdict verdict = Judge({Run("p"), unbound, marked});
  EXPECT_TRUE(verdict.drop_record);
  EXPECT_FALSE(verdict.matches || verdict.succeeded || verdict.active);
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kDrop, "u"}, RunStep{Kind::kDrop, "m"}));
  record_.reset();
  EXPECT_TRUE(Judge({}).means_nothing());
}

TEST_F(JobVerdictTest, ANodeThatWasEnrolledAnewIsAnotherOne) {
  node_->mutable_metadata()->set_uid("uid-of-another");
  record_ = Record(0, "Succeeded");
  EXPECT_TRUE(Judge({}).drop_record);
  EXPECT_TRUE(Judge({}).create);
  // What ran on the one before tells nothing of it.
  JobVerdict verdict = Judge({Ended("p", 0)});
  EXPECT_FALSE(verdict.succeeded);
  EXPECT_FALSE(verdict.record);
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kRelease, "p"}));
  verdict = Judge({Run("p")});
  EXPECT_THAT(verdict.steps, ElementsAre(RunStep{Kind::kStop, "p"}));
  EXPECT_FALSE(verdict.create);
}

TEST(EndingTextTest, SaysWhatIsKnown) {
  v1::DaemonJobNode record;
  EXPECT_EQ(EndingText(record), "it failed");
  record.set_reason("NodePorts");
  record.set_message("port 80 is taken\nreally");
  EXPECT_EQ(EndingText(record), "NodePorts: port 80 is taken");
  record.set_container("main");
  record.set_exit_code(137);
  record.set_reason("OOMKilled");
  record.clear_message();
  EXPECT_EQ(EndingText(record), "container main: OOMKilled, exit code 137");
}

}  // namespace
}  // namespace muster::coordinator
