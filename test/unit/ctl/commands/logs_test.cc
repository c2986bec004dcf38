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
    client_.Put(Pod("p1"));
    client_.Put(Pod("p2"));
    client_.log_of["p1"] = "2026-01-01T00:00:01Z one\n2026-01-01T00:00:03Z three\n";
    client_.log_of["p2"] = "2026-01-01T00:00:02Z two\n";
  }
};

TEST_F(LogsTest, OfAllPodsOfADaemonSetInTheOrderOfTime) {
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.arguments = {"ds/web"}, .all_pods = true, .prefix = true}),
            kExitDone);
  EXPECT_EQ(out_.str(), "[pod/p1] one\n[pod/p2] two\n[pod/p1] three\n");
  EXPECT_EQ(client_.listed.back().label_selector(), "app=web");
  out_.str("");
  EXPECT_EQ(RunLogs(context, {.selector = "a=b", .timestamps = true}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("2026-01-01T00:00:02Z two\n"));
  EXPECT_EQ(client_.logs.back().tail_lines(), 10);
  EXPECT_EQ(RunLogs(context, {.selector = "a=b", .follow = true}), kExitUsage);
}

TEST_F(LogsTest, OfADaemonJobByTheLabelThatItsPodsHave) {
  v1::Object job = model::NewObject(*model::FindResource("dj"));
  model::MutableMetadataOf(job).set_name("once");
  model::MutableMetadataOf(job).set_namespace_("default");
  client_.Put(job);
  Context context = MakeContext();
  EXPECT_EQ(RunLogs(context, {.arguments = {"dj/once"}, .all_pods = true}), kExitDone);
  EXPECT_EQ(client_.listed.back().label_selector(), "muster.dev/daemonjob=once");
  EXPECT_EQ(RunLogs(context, {.arguments = {"dj/once"}}), kExitDone);
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
