#include "coordinator/table/table.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/table/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// All columns and the cells of one object.
void ExpectRow(const char* yaml, const std::vector<std::string>& columns,
               const std::vector<std::string>& cells, bool wide = true) {
  const v1::Object object = ObjectFromYaml(yaml);
  const Table table = Render(object.object_case(), {object}, wide, kNow);
  EXPECT_EQ(table.columns, columns);
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].cells, cells) << yaml;
}

const std::vector<std::string> kDaemonSetColumns = {
    "NAME", "DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE", "NODE SELECTOR", "AGE"};

constexpr char kDaemonSet[] = R"(
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: web
  namespace: shop
  labels: {team: a}
  creationTimestamp: "2023-11-14T22:08:20Z"
spec:
  selector:
    matchLabels: {app: web}
    matchExpressions: [{key: tier, operator: In, values: [b, a]}, {key: x, operator: DoesNotExist}]
  template:
    metadata: {labels: {app: web, tier: a}}
    spec:
      nodeSelector: {zone: b, disk: ssd}
      initContainers: [{name: init, image: "busybox:1"}]
      containers: [{name: main, image: "nginx:1"}, {name: side, image: "log:2"}]
status:
  desiredNumberScheduled: 5
  currentNumberScheduled: 4
  numberReady: 3
  updatedNumberScheduled: 2
  numberAvailable: 1
  numberMisscheduled: 7
)";

// Spec: 12.1/columns, 12.1/cells
TEST(Render, DaemonSets) {
  std::vector<std::string> wide = kDaemonSetColumns;
  wide.insert(wide.end(), {"CONTAINERS", "IMAGES", "SELECTOR"});
  ExpectRow(kDaemonSet, wide,
            {"web", "5", "4", "3", "2", "1", "disk=ssd,zone=b", "5m", "main,side", "nginx:1,log:2",
             "app=web,tier in (a,b),!x"});
}

TEST(Render, LeavesOutWideColumnsAndKeepsIdentity) {
  const v1::Object object = ObjectFromYaml(kDaemonSet);
  const Table table = Render(model::Kind::kDaemonSet, {object}, false, kNow);
  EXPECT_EQ(table.columns, kDaemonSetColumns);
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].cells.size(), table.columns.size());
  EXPECT_EQ(table.rows[0].ns, "shop");
  EXPECT_EQ(table.rows[0].name, "web");
  EXPECT_THAT(table.rows[0].labels, ElementsAre(std::pair("team", "a")));
}

// Spec: 12.1/cells
TEST(Render, AFreshDaemonSetHasNoNumbersYet) {
  ExpectRow(
      "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: web}, spec: {selector: {}, "
      "template: {}}}",
      kDaemonSetColumns, {"web", "0", "0", "0", "0", "0", "<none>", "<unknown>"}, false);
}

TEST(Render, EveryKindHasColumnsWithoutObjects) {
  for (const model::KindInfo& info : model::AllKinds()) {
    for (bool wide : {false, true}) {
      const Table table = Render(info.kind, {}, wide, kNow);
      EXPECT_GE(table.columns.size(), 3u) << info.plural;
      EXPECT_THAT(table.rows, IsEmpty());
    }
  }
}

TEST(Render, EveryKindHasACellForEachColumn) {
  for (const model::KindInfo& info : model::AllKinds()) {
    const v1::Object object = model::NewObject(info);
    const Table table = Render(info.kind, {object}, true, kNow);
    EXPECT_EQ(table.rows[0].cells.size(), table.columns.size()) << info.plural;
  }
}

const std::vector<std::string> kPodColumns = {
    "NAME", "READY", "STATUS",         "RESTARTS",       "AGE",
    "IP",   "NODE",  "NOMINATED NODE", "READINESS GATES"};

TEST(Render, Pods) {
  ExpectRow(R"(
apiVersion: v1
kind: Pod
metadata: {name: web-x2x4c, creationTimestamp: "2023-11-14T22:13:10Z"}
spec:
  nodeName: node-1
  containers: [{name: main, image: x}]
  readinessGates: [{conditionType: a}, {conditionType: b}]
status:
  phase: Running
  podIP: 10.0.0.9
  podIPs: [{ip: 10.0.0.7}, {ip: "fd00::7"}]
  nominatedNodeName: node-2
  conditions: [{type: a, status: "True"}, {type: b, status: "False"}]
  containerStatuses: [{name: main, ready: true, restartCount: 0, state: {running: {}}}]
)",
            kPodColumns,
            {"web-x2x4c", "1/1", "Running", "0", "10s", "10.0.0.7", "node-1", "node-2", "1/2"});
  ExpectRow(
      "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a}]}, "
      "status: {phase: Pending}}",
      kPodColumns,
      {"p", "0/1", "Pending", "0", "<unknown>", "<none>", "<none>", "<none>", "<none>"});
}

const std::vector<std::string> kNodeColumns = {
    "NAME",           "STATUS",           "ROLES",       "AGE",
    "VERSION",        "INTERNAL-IP",      "EXTERNAL-IP", "OS-IMAGE",
    "KERNEL-VERSION", "CONTAINER-RUNTIME"};

// Spec: 12.3/status, 12.3/roles, 12.3/wide
TEST(Render, Nodes) {
  ExpectRow(R"(
apiVersion: v1
kind: Node
metadata:
  name: node-1
  creationTimestamp: "2023-11-14T20:13:20Z"
  labels:
    node-role.kubernetes.io/worker: ""
    node-role.kubernetes.io/control-plane: ""
    kubernetes.io/role: edge
spec: {unschedulable: true}
status:
  conditions: [{type: MemoryPressure, status: "True"}, {type: Ready, status: "True"}]
  addresses: [{type: Hostname, address: h}, {type: InternalIP, address: 10.0.0.1}]
  nodeInfo:
    kubeletVersion: v0.1.0
    osImage: Debian GNU/Linux 12
    kernelVersion: 6.1.0
    containerRuntimeVersion: containerd://1.6.20
)",
            kNodeColumns,
            {"node-1", "Ready,SchedulingDisabled", "control-plane,edge,worker", "120m", "v0.1.0",
             "10.0.0.1", "<none>", "Debian GNU/Linux 12", "6.1.0", "containerd://1.6.20"});
}

// Spec: 12.3/status, 12.3/roles, 12.3/wide
TEST(Render, NodeStatusFollowsTheReadyCondition) {
  struct Case {
    const char* status;
    const char* cell;
  };
  for (const Case& c : std::vector<Case>{
           {"{conditions: [{type: Ready, status: 'True'}]}", "Ready"},
           {"{conditions: [{type: Ready, status: 'False'}]}", "NotReady"},
           {"{conditions: [{type: Ready, status: Unknown}]}", "NotReady"},
           {"{conditions: [{type: DiskPressure, status: 'True'}]}", "Unknown"},
           {"{}", "Unknown"},
       }) {
    const v1::Object node = ObjectFromYaml(
        std::string("{apiVersion: v1, kind: Node, metadata: {name: a}, status: ") + c.status + "}");
    const Table table = Render(model::Kind::kNode, {node}, true, kNow);
    EXPECT_EQ(table.rows[0].cells[1], c.cell) << c.status;
    EXPECT_EQ(table.rows[0].cells[2], "<none>");
    EXPECT_EQ(table.rows[0].cells[7], "<unknown>");
  }
}

const std::vector<std::string> kEventColumns = {"LAST SEEN", "TYPE",      "REASON", "OBJECT",
                                                "MESSAGE",   "SUBOBJECT", "SOURCE", "FIRST SEEN",
                                                "COUNT",     "NAME"};

TEST(Render, Events) {
  ExpectRow(R"(
apiVersion: v1
kind: Event
metadata: {name: web.1}
involvedObject: {kind: DaemonSet, name: web, fieldPath: spec}
type: Normal
reason: SuccessfulCreate
message: "Created pod: web-x  "
source: {component: daemonset-controller, host: control}
firstTimestamp: "2023-11-14T22:03:20Z"
lastTimestamp: "2023-11-14T22:10:20Z"
count: 4
)",
            kEventColumns,
            {"3m", "Normal", "SuccessfulCreate", "daemonset/web", "Created pod: web-x", "spec",
             "daemonset-controller, control", "10m", "4", "web.1"});
  ExpectRow(R"(
apiVersion: v1
kind: Event
metadata: {name: web.2}
involvedObject: {kind: Pod}
type: Warning
reason: BackOff
message: back-off
reportingComponent: muster-agent
reportingInstance: node-1
eventTime: "2023-11-14T22:12:20.000000Z"
)",
            kEventColumns,
            {"60s", "Warning", "BackOff", "pod", "back-off", "", "muster-agent, node-1", "60s", "1",
             "web.2"});
  ExpectRow(R"(
apiVersion: v1
kind: Event
metadata: {name: web.3}
involvedObject: {kind: Pod, name: p}
eventTime: "2023-11-14T22:03:20.000000Z"
series: {count: 9, lastObservedTime: "2023-11-14T22:13:00.000000Z"}
)",
            kEventColumns, {"20s", "", "", "pod/p", "", "", "", "10m", "9", "web.3"});
}

TEST(Render, ConfigurationKinds) {
  ExpectRow(
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: b, c: d}, "
      "binaryData: {e: AA==}}",
      {"NAME", "DATA", "AGE"}, {"c", "3", "<unknown>"});
  ExpectRow("{apiVersion: v1, kind: Secret, metadata: {name: s}, type: Opaque, data: {e: AA==}}",
            {"NAME", "TYPE", "DATA", "AGE"}, {"s", "Opaque", "1", "<unknown>"});
  ExpectRow("{apiVersion: v1, kind: Namespace, metadata: {name: a}, status: {phase: Active}}",
            {"NAME", "STATUS", "AGE"}, {"a", "Active", "<unknown>"});
  ExpectRow("{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}, secrets: [{name: x}]}",
            {"NAME", "SECRETS", "AGE"}, {"a", "1", "<unknown>"});
  ExpectRow(
      "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, value: "
      "-5, globalDefault: true, preemptionPolicy: Never}",
      {"NAME", "VALUE", "GLOBAL-DEFAULT", "AGE", "PREEMPTIONPOLICY"},
      {"p", "-5", "true", "<unknown>", "Never"});
}

TEST(Render, ControllerRevisions) {
  const std::vector<std::string> columns = {"NAME", "CONTROLLER", "REVISION", "AGE"};
  ExpectRow(
      "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: web-5d, "
      "ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: web, uid: u, "
      "controller: true}]}, revision: 3}",
      columns, {"web-5d", "daemonset.apps/web", "3", "<unknown>"});
  ExpectRow(
      "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: web-5d, "
      "ownerReferences: [{apiVersion: v1, kind: Pod, name: web, uid: u}]}, revision: 3}",
      columns, {"web-5d", "<none>", "3", "<unknown>"});
}

TEST(Render, Services) {
  const std::vector<std::string> columns = {"NAME",    "TYPE", "CLUSTER-IP", "EXTERNAL-IP",
                                            "PORT(S)", "AGE",  "SELECTOR"};
  ExpectRow(
      "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: NodePort, "
      "clusterIP: 10.1.1.1, ports: [{port: 80, protocol: TCP, nodePort: 30080}, {port: 53, "
      "protocol: UDP}], selector: {a: b}}}",
      columns, {"s", "NodePort", "10.1.1.1", "<none>", "80:30080/TCP,53/UDP", "<unknown>", "a=b"});
  ExpectRow("{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: LoadBalancer}}",
            columns, {"s", "LoadBalancer", "<none>", "<pending>", "<none>", "<unknown>", "<none>"});
  ExpectRow(
      "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: ExternalName, "
      "externalName: a.b}}",
      columns, {"s", "ExternalName", "<none>", "a.b", "<none>", "<unknown>", "<none>"});
}

}  // namespace
}  // namespace muster::coordinator
