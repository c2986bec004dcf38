#include "agent/workload/probe_schedule.h"

#include <gtest/gtest.h>

#include <vector>

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = ProbeAnswer::Kind;

constexpr MonoTime kStart{std::chrono::hours(5)};

ProbeSchedule::Subject Running(const std::string& id, MonoTime started_at = kStart) {
  return {id, true, started_at, true};
}

// One attempt at `now`.
bool Answer(ProbeSchedule& schedule, Kind kind, MonoTime now) {
  schedule.Begin(now);
  return schedule.End(schedule.id(), kind);
}

// Spec 2: defaults of a probe.
// Spec: pod/2/probe-numbers
TEST(ProbeTiming, TakesTheDefaultsForWhatIsNotSet) {
  const ProbeTiming timing = TimingOf(v1::Probe());
  EXPECT_EQ(timing.initial_delay, seconds(0));
  EXPECT_EQ(timing.period, seconds(10));
  EXPECT_EQ(timing.timeout, seconds(1));
  EXPECT_EQ(timing.success_threshold, 1);
  EXPECT_EQ(timing.failure_threshold, 3);
}

// Spec 8: initial result per new container ID.
// Spec: pod/8/initial
TEST(ProbeSchedule, StartsWithTheVerdictOfItsKind) {
  for (const auto& [kind, verdict] : {std::pair{ProbeKind::kStartup, ProbeVerdict::kUnknown},
                                      {ProbeKind::kLiveness, ProbeVerdict::kSuccess},
                                      {ProbeKind::kReadiness, ProbeVerdict::kFailure}}) {
    ProbeSchedule schedule(kind, {});
    EXPECT_EQ(schedule.due(), std::nullopt) << "there is no container yet";
    schedule.See(Running("c1"), kStart);
    EXPECT_EQ(schedule.verdict(), verdict) << NameOf(kind);
    EXPECT_EQ(schedule.due(), kStart) << NameOf(kind);
  }
}

// Spec 8: not before initialDelaySeconds, then every period.
// Spec: pod/8/schedule
TEST(ProbeSchedule, WaitsForTheInitialDelayAndThenAsksEveryPeriod) {
  ProbeSchedule schedule(ProbeKind::kReadiness, {seconds(7), seconds(5)});
  schedule.See(Running("c1", kStart), kStart + seconds(2));
  EXPECT_EQ(schedule.due(), kStart + seconds(7));
  EXPECT_FALSE(Answer(schedule, Kind::kFailure, kStart + seconds(7)));
  EXPECT_EQ(schedule.due(), kStart + seconds(12));
  // Late, by more than a period: what was missed is not made up for.
  EXPECT_FALSE(Answer(schedule, Kind::kFailure, kStart + seconds(23)));
  EXPECT_EQ(schedule.due(), kStart + seconds(27));
}

TEST(ProbeSchedule, TicksOnWholeSecondsSoThatProbesWakeTheNodeTogether) {
  ProbeSchedule a(ProbeKind::kReadiness, {seconds(0), seconds(1)});
  ProbeSchedule b(ProbeKind::kReadiness, {seconds(0), seconds(1)});
  a.See(Running("a", kStart + milliseconds(300)), kStart + milliseconds(300));
  b.See(Running("b", kStart + milliseconds(450)), kStart + milliseconds(450));
  a.Begin(*a.due());
  b.Begin(*b.due());
  a.End("a", Kind::kSuccess);
  b.End("b", Kind::kSuccess);
  EXPECT_EQ(a.due(), kStart + seconds(1));
  EXPECT_EQ(b.due(), a.due());
}

TEST(ProbeSchedule, IsNotAskedTwiceAtATime) {
  ProbeSchedule schedule(ProbeKind::kReadiness, {seconds(0), seconds(1)});
  schedule.See(Running("c1"), kStart);
  schedule.Begin(kStart);
  EXPECT_EQ(schedule.due(), std::nullopt);
  schedule.See(Running("c1"), kStart + seconds(9));
  EXPECT_EQ(schedule.due(), std::nullopt);
  EXPECT_TRUE(schedule.End("c1", Kind::kSuccess));
  EXPECT_EQ(schedule.due(), kStart + seconds(1));
}

// Spec 8: thresholds count consecutive equal results; a warning is a success.
// Spec: pod/8/success, pod/8/failure, pod/8/thresholds
TEST(ProbeSchedule, PublishesWhenEnoughAnswersInARowAgree) {
  struct Step {
    Kind answer;
    bool changed;
    ProbeVerdict verdict;
  };
  constexpr ProbeVerdict kGood = ProbeVerdict::kSuccess, kBad = ProbeVerdict::kFailure;
  const std::vector<Step> steps = {
      {Kind::kSuccess, false, kBad},  {Kind::kFailure, false, kBad},  // Starts over.
      {Kind::kSuccess, false, kBad},  {Kind::kWarning, true, kGood},
      {Kind::kSuccess, false, kGood}, {Kind::kFailure, false, kGood},
      {Kind::kFailure, false, kGood}, {Kind::kSuccess, false, kGood},  // And again.
      {Kind::kFailure, false, kGood}, {Kind::kFailure, false, kGood},
      {Kind::kFailure, true, kBad},   {Kind::kFailure, false, kBad}};
  ProbeSchedule schedule(ProbeKind::kReadiness, {seconds(0), seconds(10), seconds(1), 2, 3});
  schedule.See(Running("c1"), kStart);
  MonoTime now = kStart;
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(Answer(schedule, steps[i].answer, now), steps[i].changed) << i;
    EXPECT_EQ(schedule.verdict(), steps[i].verdict) << i;
    now += seconds(10);
  }
}

// Spec 8: unknown is discarded, counters unchanged, up to 3 immediate tries per tick.
// Spec: pod/8/unknown
TEST(ProbeSchedule, AsksAgainAtOnceWhenAnAnswerSaysNothingButOnlyTwice) {
  ProbeSchedule schedule(ProbeKind::kReadiness, {seconds(0), seconds(10), seconds(1), 1, 2});
  schedule.See(Running("c1"), kStart);
  ASSERT_TRUE(Answer(schedule, Kind::kSuccess, kStart));
  MonoTime now = kStart + seconds(10);
  EXPECT_FALSE(Answer(schedule, Kind::kFailure, now));
  now += seconds(10);
  EXPECT_FALSE(Answer(schedule, Kind::kError, now));
  EXPECT_LE(*schedule.due(), now);
  EXPECT_FALSE(Answer(schedule, Kind::kError, now));
  EXPECT_LE(*schedule.due(), now);
  EXPECT_FALSE(Answer(schedule, Kind::kError, now));
  EXPECT_EQ(schedule.due(), now + seconds(10));
  // The failure before counts still.
  EXPECT_TRUE(Answer(schedule, Kind::kFailure, now + seconds(10)));
}

// Spec 8: a failed liveness or startup probe is silent until a new container ID appears.
// Spec: pod/8/verdict
TEST(ProbeSchedule, StopsWithAVerdictUntilTheNextInstance) {
  for (const ProbeKind kind : {ProbeKind::kLiveness, ProbeKind::kStartup}) {
    ProbeSchedule schedule(kind, {seconds(0), seconds(10), seconds(1), 1, 1});
    schedule.See(Running("c1"), kStart);
    EXPECT_TRUE(Answer(schedule, Kind::kFailure, kStart));
    EXPECT_EQ(schedule.due(), std::nullopt) << NameOf(kind);
    schedule.See(Running("c2", kStart + seconds(3)), kStart + seconds(3));
    EXPECT_EQ(schedule.due(), kStart + seconds(3)) << NameOf(kind);
    EXPECT_NE(schedule.verdict(), ProbeVerdict::kFailure);
  }
  ProbeSchedule startup(ProbeKind::kStartup, {});
  startup.See(Running("c1"), kStart);
  EXPECT_TRUE(Answer(startup, Kind::kSuccess, kStart));
  EXPECT_EQ(startup.due(), std::nullopt);
  // Liveness that succeeds goes on.
  ProbeSchedule liveness(ProbeKind::kLiveness, {});
  liveness.See(Running("c1"), kStart);
  EXPECT_FALSE(Answer(liveness, Kind::kSuccess, kStart));
  EXPECT_EQ(liveness.due(), kStart + seconds(10));
}

// Spec 8: startup success triggers an immediate readiness probe; liveness keeps its ticks.
// Spec: pod/8/startup-gates
TEST(ProbeSchedule, WaitsForTheStartupProbe) {
  ProbeSchedule readiness(ProbeKind::kReadiness, {});
  ProbeSchedule liveness(ProbeKind::kLiveness, {});
  ProbeSchedule::Subject subject = Running("c1");
  subject.startup_done = false;
  for (ProbeSchedule* schedule : {&readiness, &liveness}) {
    schedule->See(subject, kStart);
    EXPECT_EQ(schedule->due(), std::nullopt);
  }
  subject.startup_done = true;
  for (ProbeSchedule* schedule : {&readiness, &liveness}) {
    schedule->See(subject, kStart + seconds(23));
  }
  EXPECT_EQ(readiness.due(), kStart + seconds(23));
  EXPECT_EQ(liveness.due(), kStart + seconds(30));
}

// Spec 8: a non-running container sets its result to Failure.
// Spec: pod/8/not-running
TEST(ProbeSchedule, FailsWithItsContainer) {
  ProbeSchedule schedule(ProbeKind::kReadiness, {});
  schedule.See(Running("c1"), kStart);
  ASSERT_TRUE(Answer(schedule, Kind::kSuccess, kStart));
  ProbeSchedule::Subject dead = Running("c1");
  dead.running = false;
  schedule.See(dead, kStart + seconds(1));
  EXPECT_EQ(schedule.verdict(), ProbeVerdict::kFailure);
  EXPECT_EQ(schedule.due(), std::nullopt);
}

TEST(ProbeSchedule, AnAnswerAboutAnotherInstanceIsNone) {
  ProbeSchedule schedule(ProbeKind::kReadiness, {});
  schedule.See(Running("c1"), kStart);
  schedule.Begin(kStart);
  schedule.See(Running("c2"), kStart + seconds(1));
  EXPECT_FALSE(schedule.End("c1", Kind::kSuccess));
  EXPECT_EQ(schedule.verdict(), ProbeVerdict::kFailure);
  EXPECT_EQ(schedule.due(), kStart + seconds(1));
}

// Spec 8 (KEP-4781): after an agent restart results are carried, not reset.
// Spec: pod/8/carried-over
TEST(ProbeSchedule, CarriesOverWhatAnEarlierAgentFound) {
  ProbeSchedule schedule(ProbeKind::kReadiness, {seconds(0), seconds(10), seconds(1), 1, 2});
  schedule.See(Running("c1", kStart - seconds(500)), kStart);
  schedule.CarryOver(ProbeVerdict::kSuccess, kStart + milliseconds(4200));
  EXPECT_EQ(schedule.verdict(), ProbeVerdict::kSuccess);
  EXPECT_EQ(schedule.due(), kStart + milliseconds(4200));
  EXPECT_FALSE(Answer(schedule, Kind::kFailure, kStart + milliseconds(4200)));
  EXPECT_EQ(schedule.verdict(), ProbeVerdict::kSuccess);
  EXPECT_TRUE(Answer(schedule, Kind::kFailure, *schedule.due()));

  ProbeSchedule startup(ProbeKind::kStartup, {});
  startup.See(Running("c1", kStart - seconds(500)), kStart);
  startup.CarryOver(ProbeVerdict::kSuccess, kStart);
  EXPECT_EQ(startup.due(), std::nullopt);
}

}  // namespace
}  // namespace muster::agent
