#include "ctl/commands/logs.h"

#include <gmock/gmock.h>

#include "ctl/commands/log_merge.h"
#include "test/unit/ctl/commands/command_test.h"

namespace muster::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<LogLine> Split(const std::vector<std::string>& pieces) {
  std::vector<LogLine> lines;
  LogSplitter splitter([&lines](LogLine line) { lines.push_back(std::move(line)); });
  for (const std::string& piece : pieces) splitter.Add(piece);
  splitter.Finish();
  return lines;
}

TEST(LogSplitter, CutsPiecesIntoLinesWithTheirTimes) {
  const std::vector<LogLine> lines =
      Split({"2026-01-01T00:00:01.5Z fir", "st\n2026-01-01T00:00:02Z second\nno time\n", "\nopen"});
  ASSERT_THAT(lines, SizeIs(5));
  EXPECT_EQ(lines[0].text, "first");
  EXPECT_EQ(lines[0].stamp, "2026-01-01T00:00:01.5Z");
  EXPECT_EQ(lines[1].at - lines[0].at, absl::Milliseconds(500));
  EXPECT_EQ(lines[2].text, "no time");
  EXPECT_EQ(lines[2].at, lines[1].at) << "it belongs to the line before";
  EXPECT_EQ(lines[3].text, "");
  EXPECT_EQ(lines[4].text, "open");
}

TEST(MergeLogs, GoesByTimeAndKeepsTheOrderOfEachLog) {
  const auto a = Split({"2026-01-01T00:00:01Z a1\n2026-01-01T00:00:03Z a3\n"});
  // Its clock was set back in between.
  const auto b = Split({"2026-01-01T00:00:02Z b2\n2026-01-01T00:00:00Z b0\n"});
  std::vector<std::string> texts;
  MergeLogs({a, {}, b}, [&texts](size_t log, const LogLine& line) {
    texts.push_back(std::to_string(log) + line.text);
  });
  EXPECT_THAT(texts, ElementsAre("0a1", "2b2", "2b0", "0a3"));
}

class LogsTest : public CommandsTest {
 protected:
  void SetUp() override {
    client_.Put(DaemonSet("web"));
    client_.Put(PodWith("p1", {"main"}));
    client_.Put(PodWith("p2", {"main"}));
    client_.log_of["p1"] = "2026-01-01T00:00:01Z one\n2026-01-01T00:00:03Z three\n";
    client_.log_of["p2"] = "2026-01-01T00:00:02Z two\n";
  }
  static v1::Object PodWith(const std::string& name, const std::vector<std::string>& containers) {
    v1::Object pod = Pod(name);
    for (const std::string& container : containers) {
      pod.mutable_pod()->mutable_spec()->add_containers()->set_name(container);
    }
    return pod;
  }
};

TEST_F(LogsTest, OfAllPodsOfADaemonSetInTheOrderOfTime) {
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.arguments = {"ds/web"}, .prefix = true}), kExitDone);
  EXPECT_EQ(out_.str(), "[pod/p1/main] one\n[pod/p2/main] two\n[pod/p1/main] three\n");
  EXPECT_EQ(client_.listed.back().label_selector(), "app=web");
  out_.str("");
  EXPECT_EQ(RunLogs(context, {.selector = "a=b", .timestamps = true}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("2026-01-01T00:00:02Z two\n"));
  EXPECT_EQ(client_.logs.back().tail_lines(), 10);
}

TEST_F(LogsTest, SeveralAreFollowedAtOnceInTheOrderOfTime) {
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.arguments = {"ds/web"}, .prefix = true, .follow = true}), kExitDone);
  EXPECT_EQ(out_.str(), "[pod/p1/main] one\n[pod/p2/main] two\n[pod/p1/main] three\n");
  EXPECT_TRUE(client_.logs.back().follow() && client_.logs.back().timestamps());
  out_.str("");
  EXPECT_EQ(RunLogs(context, {.selector = "a=b", .follow = true, .max_log_requests = 1}),
            kExitError);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(),
              HasSubstr("you are attempting to follow 2 log streams, but maximum allowed "
                        "concurrency is 1, use --max-log-requests to increase the limit"));
}

TEST_F(LogsTest, AnErrorEndsAFollowUnlessErrorsAreIgnored) {
  client_.log_error_of["p2"] = absl::InternalError("away");
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.selector = "a=b", .follow = true}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("pod p2: away"));
  out_.str("");
  EXPECT_EQ(RunLogs(context, {.selector = "a=b", .follow = true, .ignore_errors = true}),
            kExitDone);
  EXPECT_EQ(out_.str(), "one\ntwo\nthree\n");
}

TEST_F(LogsTest, LimitOfBytesCountsWhatIsShownOfEach) {
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.selector = "a=b", .prefix = true, .limit_bytes = 6}), kExitDone);
  EXPECT_EQ(out_.str(), "[pod/p1/main] one\n[pod/p2/main] two\n[pod/p1/main] th");
  EXPECT_FALSE(client_.logs.back().has_limit_bytes());
  EXPECT_EQ(RunLogs(context, {.arguments = {"p1"}, .limit_bytes = 6}), kExitDone);
  EXPECT_EQ(client_.logs.back().limit_bytes(), 6);
}

TEST_F(LogsTest, NoPodWithTheLabelsIsNoError) {
  client_.objects.clear();
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.selector = "a=b"}), kExitNothingMatched);
  EXPECT_EQ(err_.str(), "No resources found\n");
}

TEST_F(LogsTest, OfSeveralContainersTheDefaultOneIsNamed) {
  client_.Put(PodWith("p3", {"a", "b"}));
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.arguments = {"p3"}}), kExitDone);
  EXPECT_EQ(err_.str(), "Defaulted container \"a\" out of: a, b\n");
  EXPECT_EQ(client_.logs.back().container(), "a");
  EXPECT_EQ(RunLogs(context, {.arguments = {"p3"}, .container = "c"}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("container c not found in pod p3"));
}

TEST_F(LogsTest, OfADaemonJobByTheLabelThatItsPodsHave) {
  v1::Object job = model::NewObject(*model::FindResource("dj"));
  model::MutableMetadataOf(job).set_name("once");
  model::MutableMetadataOf(job).set_namespace_("default");
  client_.Put(job);
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.arguments = {"dj/once"}}), kExitDone);
  EXPECT_EQ(client_.listed.back().label_selector(), "muster.dev/daemonjob=once");
  EXPECT_EQ(RunLogs(context, {.arguments = {"dj/once"}, .all_pods = false}), kExitDone);
  EXPECT_EQ(client_.logs.back().pod(), "p1");
  EXPECT_EQ(RunLogs(context, {.arguments = {"node/n"}}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("expected a pod, a daemonset or a daemonjob, found node"));
}

TEST_F(LogsTest, SinceATimeLeavesOutWhatIsBefore) {
  Context context = MakeContext();
  LogsOptions options{.arguments = {"p1"}};
  options.since_time = absl::FromUnixSeconds(1'767'225'602);  // 2026-01-01T00:00:02Z
  options.now = *options.since_time + absl::Seconds(100);
  EXPECT_EQ(RunLogs(context, options), kExitDone);
  EXPECT_EQ(out_.str(), "three\n");
  EXPECT_EQ(client_.logs.back().since_seconds(), 102);
  EXPECT_EQ(client_.logs.back().since_unix_ns(), 1'767'225'602'000'000'000);
}

TEST_F(LogsTest, AllContainersOfAPod) {
  v1::Object pod = Pod("p3");
  pod.mutable_pod()->mutable_spec()->add_init_containers()->set_name("init");
  pod.mutable_pod()->mutable_spec()->add_containers()->set_name("main");
  client_.Put(pod);
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.arguments = {"p3"}, .all_containers = true}), kExitDone);
  ASSERT_THAT(client_.logs, SizeIs(2));
  EXPECT_EQ(client_.logs[0].container(), "init");
  EXPECT_EQ(client_.logs[1].container(), "main");
  EXPECT_EQ(RunLogs(context, {.arguments = {"p3"}, .container = "main", .all_containers = true}),
            kExitUsage);
  EXPECT_EQ(RunLogs(context, {}), kExitUsage);
}

}  // namespace
}  // namespace muster::ctl
