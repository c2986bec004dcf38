#include "coordinator/table/daemon_job_text.h"

#include <string>

#include "coordinator/table/describe.h"
#include "coordinator/table/table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/table/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;

constexpr char kJob[] = R"(
apiVersion: muster.dev/v1
kind: DaemonJob
metadata: {name: once, namespace: shop, creationTimestamp: "2023-11-14T22:08:20Z"}
spec:
  parallelism: 50%
  backoffLimit: 2
  ttlSecondsAfterFinished: 60
  template:
    spec:
      nodeSelector: {disk: ssd}
      containers: [{name: main, image: "nginx:1"}, {name: side, image: "log:2"}]
status:
  desired: 4
  active: 1
  succeeded: 2
  failed: 1
  startTime: "2023-11-14T22:08:30Z"
  conditions:
  - {type: Complete, status: "False", reason: NodesLeft, message: "2 of 4 nodes succeeded"}
  nodes:
  - {node: node-1, outcome: Succeeded, failures: 0, exitCode: 0, reason: Completed}
  - {node: node-2, outcome: Failed, failures: 3, exitCode: 7, reason: Error, message: "no disk\nat all"}
  - {node: node-3, failures: 1, exitCode: 1, reason: Error, message: once}
)";

std::vector<std::string> CellsOf(const std::string& yaml, bool wide = false) {
  const v1::Object object = ObjectFromYaml(yaml);
  return Render(object.object_case(), {object}, wide, kNow).rows[0].cells;
}

TEST(DaemonJobTable, CountsNodes) {
  EXPECT_THAT(CellsOf(kJob, true), ElementsAre("once", "Running", "2/4", "1", "1", "4m50s", "5m",
                                               "disk=ssd", "main,side", "nginx:1,log:2"));
}

std::string WithStatus(const std::string& status, const std::string& metadata = "") {
  return "{apiVersion: muster.dev/v1, kind: DaemonJob, metadata: {name: once" + metadata +
         "}, spec: {template: {}}, status: {startTime: \"2023-11-14T22:08:30Z\"" + status + "}}";
}

TEST(DaemonJobTable, TheStatusIsTheConditionThatHolds) {
  const auto with = [](const std::string& type, const std::string& status) {
    return ", conditions: [{type: " + type + ", status: \"" + status +
           "\", lastTransitionTime: \"2023-11-14T22:09:00Z\"}]";
  };
  EXPECT_EQ(CellsOf(WithStatus(""))[1], "Running");
  EXPECT_EQ(CellsOf(WithStatus(with("Complete", "False")))[1], "Running");
  EXPECT_EQ(CellsOf(WithStatus(with("Complete", "True")))[1], "Complete");
  EXPECT_EQ(CellsOf(WithStatus(with("Failed", "True")))[1], "Failed");
  EXPECT_EQ(CellsOf(WithStatus(with("Suspended", "True")))[1], "Suspended");
  EXPECT_EQ(CellsOf(WithStatus("", ", deletionTimestamp: \"2023-11-14T22:09:00Z\""))[1],
            "Terminating");
  // It ends when it is over.
  EXPECT_EQ(CellsOf(WithStatus(with("Failed", "True")))[5], "30s");
  EXPECT_EQ(CellsOf(WithStatus(", completionTime: \"2023-11-14T22:08:42Z\""))[5], "12s");
}

TEST(DescribeDaemonJob, TellsWhichNodesFailedAndWhy) {
  EXPECT_EQ(Describe(ObjectFromYaml(kJob), {{}, {}, kNow}),
            R"(Name:                once
Namespace:           shop
Node-Selector:       disk=ssd
Labels:              <none>
Annotations:         <none>
Parallelism:         50%
Backoff Limit:       2
TTL After Finished:  60s
Suspend:             false
Start Time:          Tue, 14 Nov 2023 22:08:30 +0000
Duration:            4m50s
Nodes Statuses:      1 Active / 2 Succeeded / 1 Failed / 4 Desired
Pod Template:
  Labels:  <none>
  Containers:
   main:
    Image:        nginx:1
    Port:         <none>
    Host Port:    <none>
    Environment:  <none>
    Mounts:       <none>
   side:
    Image:         log:2
    Port:          <none>
    Host Port:     <none>
    Environment:   <none>
    Mounts:        <none>
  Volumes:         <none>
  Node-Selectors:  disk=ssd
  Tolerations:     <none>
Conditions:
  Type      Status  Reason     Message
  ----      ------  ------     -------
  Complete  False   NodesLeft  2 of 4 nodes succeeded
Nodes:
  Node    Outcome    Failures  Exit Code  Reason     Message
  ----    -------    --------  ---------  ------     -------
  node-1  Succeeded  0         0          Completed  <none>
  node-2  Failed     3         7          Error      no disk
  node-3  Retrying   1         1          Error      once
Events:   <none>
)");
}

}  // namespace
}  // namespace muster::coordinator
