#include "agent/report/node_report.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

const WallTime kNow{hours(24 * 20'000)};

NodeReport Full() {
  NodeReport report;
  report.node_name = "node-1";
  report.node_uid = "uid-1";
  report.agent_version = "0.1.0";
  report.made_at = kNow;
  report.agent_started_at = kNow - hours(5);
  report.link = {"connected", "control:7440", kNow - minutes(3), ""};
  report.runtime = {"containerd", "1.7.24", true, true, true, "", true};
  report.checkpoint = {123, 4, true, kNow - minutes(90), ""};
  NodeReport::Container fine{.name = "web",
                             .id = "c1",
                             .image = "web:1",
                             .state = "running",
                             .ready = true,
                             .restarts = 2,
                             .since = kNow - minutes(5)};
  fine.last_end = {"OOMKilled", "", 137, kNow - minutes(6)};
  const NodeReport::Container waits{.name = "crash",
                                    .image = "crash:1",
                                    .state = "waiting",
                                    .reason = "CrashLoopBackOff",
                                    .message = "back-off 40s restarting failed container"};
  const NodeReport::Container done{.name = "setup",
                                   .init = true,
                                   .id = "c0",
                                   .image = "setup:1",
                                   .state = "terminated",
                                   .reason = "Completed",
                                   .ready = true,
                                   .since = kNow - hours(3)};
  report.pods = {{.namespace_ = "default",
                  .name = "a",
                  .uid = "u1",
                  .phase = "Running",
                  .ip = "10.0.0.7",
                  .started_at = kNow - hours(3),
                  .containers = {done, fine, waits}},
                 {.namespace_ = "system",
                  .name = "b-node-1",
                  .uid = "u2",
                  .phase = "Failed",
                  .reason = "Evicted",
                  .message = "The node was low on resource: memory. ",
                  .is_static = true,
                  .started_at = kNow - hours(3)}};
  report.warnings = {{kNow - seconds(30), "pod/default/a", "BackOff", "Back-off restarting"}};
  return report;
}

TEST(NodeReport, ComesBackFromItsJsonAsItWas) {
  const NodeReport report = Full();
  const absl::StatusOr<NodeReport> again = NodeReportFromJson(ToJson(report));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, report) << ToJson(*again);
  NodeReport poor;
  poor.made_at = kNow;
  poor.link.state = "disconnected";
  poor.link.last_error = "connection refused";
  poor.runtime.message = "no such file";
  poor.checkpoint.problem = "disk full";
  poor.pressure = {"DiskPressure", "MemoryPressure"};
  poor.problems = {"container runtime is down"};
  EXPECT_EQ(*NodeReportFromJson(ToJson(poor)), poor) << ToJson(poor);
}

TEST(NodeReport, JsonIsInTheMannerOfKubernetes) {
  const std::string json = ToJson(Full());
  for (const char* part :
       {"\"kind\": \"NodeReport\"", "\"restartCount\": 2", "\"exitCode\": 137",
        "\"startedAt\": \"2024-10-03T23:55:00Z\"", "\"reason\": \"CrashLoopBackOff\"",
        "\"static\": true", "\"podIP\": \"10.0.0.7\""}) {
    EXPECT_THAT(json, HasSubstr(part));
  }
  // What containers say is not always text.
  NodeReport odd = Full();
  odd.pods[0].containers[2].message = "\xff\"";
  EXPECT_TRUE(NodeReportFromJson(ToJson(odd)).ok());
}

TEST(NodeReport, OtherTextsAreRefusedAndOtherFieldsPassedOver) {
  for (const char* wrong : {"", "x", "[]", "{}", "{\"kind\": \"Pod\"}", "{\"kind\": 1}"}) {
    EXPECT_EQ(NodeReportFromJson(wrong).status().code(), absl::StatusCode::kInvalidArgument)
        << wrong;
  }
  const auto odd = NodeReportFromJson(
      "{\"kind\": \"NodeReport\", \"later\": 1, \"node\": 3, \"pods\": [{\"name\": 1}, 2],"
      "\"warnings\": \"none\"}");
  ASSERT_TRUE(odd.ok());
  EXPECT_EQ(odd->pods.size(), 2u);
}

TEST(NodeReport, TextIsForPeopleWhoKnowKubectl) {
  EXPECT_EQ(ToText(Full()),
            "Node:         node-1, agent 0.1.0, up 5h\n"
            "Coordinator:  connected to control:7440 for 3m\n"
            "Runtime:      containerd 1.7.24, ready, with events\n"
            "Checkpoint:   revision 123, 4 objects, saved 90m ago\n"
            "Pressure:     <none>\n"
            "\n"
            "NAMESPACE   NAME       READY   STATUS             RESTARTS   AGE   IP\n"
            "default     a          1/2     CrashLoopBackOff   2          3h    10.0.0.7\n"
            "system      b-node-1   0/0     Evicted            0          3h    <none>\n"
            "\n"
            "POD         CONTAINER   READY   STATE        REASON             RESTARTS     SINCE    "
            "MESSAGE\n"
            "default/a   setup       true    Terminated   Completed          0            3h       "
            "<none>\n"
            "default/a   web         true    Running      <none>             2 (6m ago)   5m       "
            "last ended with 137 OOMKilled\n"
            "default/a   crash       false   Waiting      CrashLoopBackOff   0            <none>   "
            "back-off 40s restarting failed container\n"
            "\n"
            "LAST SEEN   OBJECT          REASON    MESSAGE\n"
            "30s         pod/default/a   BackOff   Back-off restarting\n");
}

TEST(NodeReport, TextSaysWhatIsWrong) {
  NodeReport report = Full();
  report.pods.clear();
  report.warnings.clear();
  report.link = {"disconnected", "control:7440", kNow - hours(1), "connection refused"};
  report.runtime = {"containerd", "1.6.20", false, false, false, "no such\nfile", false};
  report.checkpoint.complete = false;
  report.checkpoint.revision = 0;
  report.checkpoint.problem = "No space left on device";
  report.pressure = {"DiskPressure"};
  report.problems = {"container runtime is down: no such file"};
  EXPECT_EQ(ToText(report),
            "Node:         node-1, agent 0.1.0, up 5h\n"
            "Coordinator:  disconnected from control:7440 for 60m: connection refused\n"
            "Runtime:      containerd 1.6.20, does not answer, without events: no such file\n"
            "Checkpoint:   4 objects, saved 90m ago, not complete: "
            "No space left on device\n"
            "Pressure:     DiskPressure\n"
            "Problem:      container runtime is down: no such file\n"
            "\n"
            "No pods.\n");
}

TEST(NodeReport, LongMessagesAreCutInTextOnly) {
  NodeReport report = Full();
  report.pods[0].containers[2].message = std::string(500, 'x');
  EXPECT_THAT(ToText(report), Not(HasSubstr(std::string(200, 'x'))));
  EXPECT_THAT(ToJson(report), HasSubstr(std::string(500, 'x')));
}

}  // namespace
}  // namespace muster::agent
