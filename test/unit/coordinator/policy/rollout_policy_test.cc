#include "coordinator/policy/rollout_policy.h"

#include <chrono>
#include <initializer_list>
#include <string>
#include <utility>

#include "common/model/int_or_string.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;
using OnFailure = RolloutPolicy::OnFailure;
using Verb = RolloutPolicy::Request::Verb;

ParsedPolicy Parse(std::initializer_list<std::pair<std::string, std::string>> annotations) {
  model::LabelMap map;
  for (const auto& [key, value] : annotations) map["muster.dev/" + key] = value;
  return ParseRolloutPolicy(map);
}

// Without problems.
RolloutPolicy PolicyOf(const std::string& key, const std::string& value) {
  ParsedPolicy parsed = Parse({{key, value}});
  for (const PolicyProblem& each : parsed.problems) ADD_FAILURE() << value << ": " << each.detail;
  return std::move(parsed.policy);
}

TEST(RolloutPolicy, SaysNothingWithoutAnnotations) {
  const ParsedPolicy parsed = Parse({{"other", "x"}});
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_FALSE(parsed.policy.progress_deadline || parsed.policy.on_failure ||
               parsed.policy.max_failed || parsed.policy.canary || parsed.policy.request);
  EXPECT_FALSE(parsed.policy.paused || parsed.policy.suspended);
  EXPECT_FALSE(parsed.policy.is_guarded() || parsed.policy.limits_failures());
  EXPECT_EQ(parsed.policy.ReadyWithin(), std::nullopt);
}

TEST(RolloutPolicy, ReadsDurations) {
  for (const auto& [text, expected] : {std::pair<const char*, Duration>{"10m", 10min},
                                       {"1h30m", 90min},
                                       {"1s", 1s},
                                       {"1.5s", 1500ms},
                                       {"8760h", 8760h}}) {
    EXPECT_EQ(PolicyOf("progress-deadline", text).progress_deadline, expected) << text;
  }
}

TEST(RolloutPolicy, RefusesEverythingElseAsDuration) {
  for (const char* text :
       {"", "10", "10 minutes", "-5m", "0", "0s", "999ms", "8761h", "inf", "m"}) {
    const ParsedPolicy parsed = Parse({{"progress-deadline", text}});
    ASSERT_THAT(parsed.problems, SizeIs(1)) << text;
    EXPECT_EQ(parsed.problems[0].key, "muster.dev/progress-deadline");
    EXPECT_EQ(parsed.problems[0].value, text);
    EXPECT_EQ(parsed.problems[0].detail,
              "expected a duration from 1s to 8760h, such as 10m or 1h30m");
    EXPECT_FALSE(parsed.policy.progress_deadline.has_value());
  }
}

TEST(RolloutPolicy, ReadsWhatToDoOnFailure) {
  EXPECT_EQ(PolicyOf("on-failure", "pause").on_failure, OnFailure::kPause);
  EXPECT_EQ(PolicyOf("on-failure", "rollback").on_failure, OnFailure::kRollback);
  for (const char* text : {"", "Rollback", "undo", "pause,rollback"}) {
    ASSERT_THAT(Parse({{"on-failure", text}}).problems, SizeIs(1)) << text;
  }
}

TEST(RolloutPolicy, ReadsSwitches) {
  EXPECT_TRUE(PolicyOf("suspend", "true").suspended);
  EXPECT_FALSE(PolicyOf("suspend", "false").suspended);
  EXPECT_TRUE(PolicyOf("paused", "true").paused);
  EXPECT_TRUE(PolicyOf("pre-pull", "true").pre_pull);
  EXPECT_FALSE(PolicyOf("pre-pull", "false").pre_pull);
  for (const char* text : {"", "yes", "True", "1"}) {
    const ParsedPolicy parsed = Parse({{"suspend", text}, {"paused", text}});
    ASSERT_THAT(parsed.problems, SizeIs(2)) << text;
    EXPECT_FALSE(parsed.policy.suspended || parsed.policy.paused);
  }
}

TEST(RolloutPolicy, TheLimitOfFailuresIsANumberOrAShareRoundedDownAndNeverNone) {
  struct {
    const char* text;
    int32_t desired;
    int64_t expected;
  } const cases[] = {{"0", 50, 1},   {"1", 50, 1},         {"3", 50, 3},  {"99", 50, 99},
                     {"10%", 50, 5}, {"10%", 19, 1},       {"10%", 9, 1}, {"0%", 50, 1},
                     {"100%", 7, 7}, {"33%", 10000, 3300}, {"50%", 0, 1}};
  for (const auto& each : cases) {
    EXPECT_EQ(PolicyOf("max-failed", each.text).FailuresMax(each.desired), each.expected)
        << each.text << " of " << each.desired;
  }
  EXPECT_EQ(PolicyOf("on-failure", "pause").FailuresMax(1000), 1);
  for (const char* text : {"", "-1", "some", "1.5", "101%", "%", "5 %", "99999999999"}) {
    EXPECT_THAT(Parse({{"max-failed", text}}).problems, SizeIs(1)) << text;
  }
}

TEST(RolloutPolicy, ReadsACanaryBySelector) {
  model::LabelMap canary_node;
  canary_node["tier"] = "canary";
  canary_node["zone"] = "a";
  model::LabelMap other_node;
  other_node["tier"] = "plain";
  for (const char* text : {
           "{selector: tier=canary}",
           "selector: tier=canary",
           "selector: tier=canary,zone in (a,b)",
           "selector:\n  tier: canary\n",
           "{\"selector\": {\"tier\": \"canary\"}}",
           "selector: {matchLabels: {tier: canary}}",
           "selector: {matchExpressions: [{key: tier, operator: In, values: [canary]}]}",
       }) {
    const RolloutPolicy policy = PolicyOf("canary", text);
    ASSERT_TRUE(policy.canary && policy.canary->selector) << text;
    EXPECT_FALSE(policy.canary->count.has_value());
    EXPECT_TRUE(policy.canary->selector->Matches(canary_node)) << text;
    EXPECT_FALSE(policy.canary->selector->Matches(other_node)) << text;
  }
}

TEST(RolloutPolicy, ACanaryByCountIsANumberOrAShareRoundedUp) {
  struct {
    const char* text;
    int32_t desired;
    int64_t expected;
  } const cases[] = {{"count: 1", 50, 1},      {"{count: 3}", 50, 3},    {"{count: 10%}", 50, 5},
                     {"{count: '10%'}", 9, 1}, {"{\"count\": 2}", 9, 2}, {"count: 7%", 100, 7},
                     {"count: 1%", 0, 1}};
  for (const auto& each : cases) {
    EXPECT_EQ(PolicyOf("canary", each.text).CanaryNodes(each.desired), each.expected) << each.text;
  }
}

TEST(RolloutPolicy, RefusesEverythingElseAsCanary) {
  for (const char* text : {
           "",
           "2",
           "[]",
           "true",
           "{}",
           "count:",
           "count: 0",
           "count: 0%",
           "count: -1",
           "count: 101%",
           "count: 1.5",
           "count: [1]",
           "selector:",
           "selector: {}",
           "selector: ''",
           "selector: 'a=b=c'",
           "selector: {tier: 1}",
           "selector: {matchLabels: [a]}",
           "selector: {matchExpressions: [{key: k, operator: Near}]}",
           "{count: 1, selector: a=b}",
           "{count: 1, count: 2}",
           "{nodes: 2}",
           "{count: 1",
           "count: 1\n---\ncount: 2\n",
       }) {
    const ParsedPolicy parsed = Parse({{"canary", text}});
    EXPECT_THAT(parsed.problems, SizeIs(1)) << text;
    EXPECT_FALSE(parsed.policy.canary.has_value()) << text;
  }
}

TEST(RolloutPolicy, ReadsRequestsWithTheRevisionTheyAreAbout) {
  for (const auto& [text, verb] :
       {std::pair{"promote 7fc9", Verb::kPromote}, std::pair{"abort 7fc9", Verb::kAbort},
        std::pair{"resume 7fc9", Verb::kResume}}) {
    const RolloutPolicy policy = PolicyOf("rollout-request", text);
    ASSERT_TRUE(policy.request.has_value());
    EXPECT_EQ(policy.request->verb, verb);
    EXPECT_EQ(policy.request->revision, "7fc9");
  }
  for (const char* text : {"", "promote", "promote ", "stop 7fc9", "7fc9"}) {
    EXPECT_THAT(Parse({{"rollout-request", text}}).problems, SizeIs(1)) << text;
  }
}

TEST(RolloutPolicy, JudgesNewPodsByTheDeadlineOrTenMinutesOnceTheyAreGuarded) {
  EXPECT_EQ(PolicyOf("progress-deadline", "90s").ReadyWithin(), Duration(90s));
  EXPECT_EQ(PolicyOf("max-failed", "1").ReadyWithin(), Duration(10min));
  EXPECT_EQ(PolicyOf("canary", "count: 1").ReadyWithin(), Duration(10min));
  EXPECT_EQ(PolicyOf("paused", "true").ReadyWithin(), std::nullopt);
}

TEST(RolloutPolicy, OneBadValueLeavesTheOthers) {
  const ParsedPolicy parsed =
      Parse({{"max-failed", "x"}, {"on-failure", "rollback"}, {"progress-deadline", "soon"}});
  ASSERT_THAT(parsed.problems, SizeIs(2));
  EXPECT_EQ(parsed.problems[0].key, "muster.dev/progress-deadline");
  EXPECT_EQ(parsed.problems[1].key, "muster.dev/max-failed");
  EXPECT_TRUE(parsed.policy.rolls_back());
}

TEST(RolloutPolicy, FindsAnnotationsNobodyReadsAndWhatWasMeant) {
  model::LabelMap annotations;
  annotations["muster.dev/max-fail"] = "1";
  annotations["muster.dev/onFailure"] = "pause";
  annotations["muster.dev/colour"] = "red";
  annotations["muster.dev/paused"] = "true";
  annotations["example.com/max-fail"] = "1";
  const std::vector<UnknownAnnotation> unknown = FindUnknownAnnotations(annotations);
  ASSERT_THAT(unknown, SizeIs(3));
  EXPECT_EQ(unknown[0].key, "muster.dev/colour");
  EXPECT_EQ(unknown[0].meant, "");
  EXPECT_EQ(unknown[1].meant, "muster.dev/max-failed");
  EXPECT_EQ(unknown[2].meant, "muster.dev/on-failure");
}

}  // namespace
}  // namespace muster::coordinator
