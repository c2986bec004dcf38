#include "coordinator/table/describe.h"

#include <string>
#include <vector>

#include "coordinator/table/describe_sections.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/table/objects.h"

namespace muster::coordinator {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string DescribeYaml(const std::string& yaml, const std::string& pods = "",
                         const std::string& events = "") {
  const std::vector<v1::Object> pod_objects = ObjectsFromYaml(pods);
  const std::vector<v1::Object> event_objects = ObjectsFromYaml(events);
  return Describe(ObjectFromYaml(yaml), {pod_objects, event_objects, kNow});
}

constexpr char kTutorialDaemonSet[] = R"(
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: exporter
  namespace: default
  uid: uid-1
  annotations:
    deprecated.daemonset.template.generation: "1"
    kubectl.kubernetes.io/last-applied-configuration: "{}"
    kubernetes.io/change-cause: musterctl apply --filename=x.yml --record=true
spec:
  selector: {matchLabels: {tier: monitoring, name: exporter}}
  template:
    metadata: {labels: {tier: monitoring, name: exporter}}
    spec:
      containers:
      - {name: main, image: prom/node-exporter, ports: [{containerPort: 80, protocol: TCP}]}
status:
  desiredNumberScheduled: 3
  currentNumberScheduled: 3
  updatedNumberScheduled: 3
  numberAvailable: 2
  numberReady: 3
  numberMisscheduled: 1
)";

std::string PodOf(const std::string& name, const std::string& uid, const std::string& phase) {
  return "---\n{apiVersion: v1, kind: Pod, metadata: {name: " + name +
         ", ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: exporter, uid: " + uid +
         ", controller: true}]}, status: {phase: " + phase + "}}\n";
}

// Spec: 12.4/order, 12.4/annotations, 12.4/pods-status, 12.4/events
TEST(DescribeDaemonSet, ReadsLikeKubectl) {
  const std::string pods =
      PodOf("a", "uid-1", "Running") + PodOf("b", "uid-1", "Running") +
      PodOf("c", "uid-1", "Pending") + PodOf("d", "uid-1", "Succeeded") +
      PodOf("e", "uid-1", "Failed") + PodOf("f", "uid-2", "Running") +
      "---\n{apiVersion: v1, kind: Pod, metadata: {name: g}, status: {phase: Running}}\n";
  const std::string events = R"(
apiVersion: v1
kind: Event
metadata: {name: e2}
involvedObject: {kind: DaemonSet, namespace: default, name: exporter, uid: uid-1}
type: Warning
reason: FailedCreate
message: "Error creating: no"
source: {component: daemonset-controller}
firstTimestamp: "2023-11-14T22:03:20Z"
lastTimestamp: "2023-11-14T22:10:20Z"
count: 4
---
apiVersion: v1
kind: Event
metadata: {name: e1}
involvedObject: {kind: DaemonSet, namespace: default, name: exporter, uid: uid-1}
type: Normal
reason: SuccessfulCreate
message: "Created pod: a"
source: {component: daemonset-controller}
firstTimestamp: "2023-11-14T22:01:20Z"
lastTimestamp: "2023-11-14T22:01:20Z"
count: 1
---
apiVersion: v1
kind: Event
metadata: {name: e3}
involvedObject: {kind: DaemonSet, namespace: default, name: exporter, uid: uid-of-another-life}
type: Normal
reason: SuccessfulCreate
message: "Created pod: old"
)";
  EXPECT_EQ(DescribeYaml(kTutorialDaemonSet, pods, events),
            R"(Name:           exporter
Namespace:      default
Selector:       name=exporter,tier=monitoring
Node-Selector:  <none>
Labels:         <none>
Annotations:    deprecated.daemonset.template.generation: 1
                kubernetes.io/change-cause: musterctl apply --filename=x.yml --record=true
Desired Number of Nodes Scheduled: 3
Current Number of Nodes Scheduled: 3
Number of Nodes Scheduled with Up-to-date Pods: 3
Number of Nodes Scheduled with Available Pods: 2
Number of Nodes Misscheduled: 1
Pods Status:  2 Running / 1 Waiting / 1 Succeeded / 1 Failed
Pod Template:
  Labels:  name=exporter
           tier=monitoring
  Containers:
   main:
    Image:         prom/node-exporter
    Port:          80/TCP
    Host Port:     0/TCP
    Environment:   <none>
    Mounts:        <none>
  Volumes:         <none>
  Node-Selectors:  <none>
  Tolerations:     <none>
Events:
  Type     Reason            Age               From                  Message
  ----     ------            ----              ----                  -------
  Normal   SuccessfulCreate  12m               daemonset-controller  Created pod: a
  Warning  FailedCreate      3m (x4 over 10m)  daemonset-controller  Error creating: no
)");
}

// Spec: 12.4/template
TEST(DescribeDaemonSet, ShowsItsConditionsBeforeTheEvents) {
  const std::string text = DescribeYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "nginx:1"}]}
status:
  conditions:
  - {type: Available, status: "True", reason: EnoughNodesAvailable, message: "3 of 3"}
  - {type: Degraded, status: "False", reason: NoFailures}
)");
  EXPECT_THAT(text, testing::EndsWith(R"(Conditions:
  Type       Status  Reason                Message
  ----       ------  ------                -------
  Available  True    EnoughNodesAvailable  3 of 3
  Degraded   False   NoFailures            <none>
Events:      <none>
)"));
}

TEST(DescribeDaemonSet, ShowsAllSectionsOfATemplate) {
  const std::string text = DescribeYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: default, labels: {b: "2", a: "1"}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {note: x}}
    spec:
      serviceAccountName: robot
      priorityClassName: high
      nodeSelector: {disk: ssd}
      tolerations:
      - {key: b, operator: Equal, value: c, effect: NoExecute, tolerationSeconds: 60}
      - {operator: Exists}
      - {key: a, operator: Exists, effect: NoSchedule}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}
      initContainers:
      - {name: init, image: "busybox:1", command: [sh, -c, "echo a\necho b"]}
      containers:
      - name: main
        image: "nginx:1"
        args: [--x]
        ports: [{containerPort: 80, protocol: TCP}, {containerPort: 90, hostPort: 9090, protocol: UDP}]
        resources: {limits: {memory: 1Gi, cpu: "1"}, requests: {cpu: 500m}}
        livenessProbe: {httpGet: {path: /healthz, port: 8080, scheme: HTTP}, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3}
        envFrom: [{configMapRef: {name: c}}, {prefix: S_, secretRef: {name: s, optional: true}}]
        env:
        - {name: PLAIN, value: x}
        - {name: NODE, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.nodeName}}}
        - {name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}
        - {name: LIMIT, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
        - {name: CPUS, valueFrom: {resourceFieldRef: {resource: requests.cpu}}}
        volumeMounts:
        - {name: b, mountPath: /b, readOnly: true, subPath: s}
        - {name: a, mountPath: /a}
      volumes:
      - {name: a, hostPath: {path: /var/a, type: ""}}
      - {name: b, emptyDir: {medium: Memory, sizeLimit: 1Gi}}
      - {name: c, configMap: {name: c, optional: true}}
      - {name: d, projected: {sources: [{secret: {name: s}}, {configMap: {name: c}}, {downwardAPI: {items: []}}]}}
      - {name: e, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
)");
  EXPECT_EQ(text, R"(Name:           web
Namespace:      default
Selector:       app=web
Node-Selector:  disk=ssd
Labels:         a=1
                b=2
Annotations:    <none>
Desired Number of Nodes Scheduled: 0
Current Number of Nodes Scheduled: 0
Number of Nodes Scheduled with Up-to-date Pods: 0
Number of Nodes Scheduled with Available Pods: 0
Number of Nodes Misscheduled: 0
Pods Status:  0 Running / 0 Waiting / 0 Succeeded / 0 Failed
Pod Template:
  Labels:           app=web
  Annotations:      note: x
  Service Account:  robot
  Init Containers:
   init:
    Image:      busybox:1
    Port:       <none>
    Host Port:  <none>
    Command:
      sh
      -c
      echo a
      echo b
    Environment:  <none>
    Mounts:       <none>
  Containers:
   main:
    Image:       nginx:1
    Ports:       80/TCP, 90/UDP
    Host Ports:  0/TCP, 9090/UDP
    Args:
      --x
    Limits:
      cpu:     1
      memory:  1Gi
    Requests:
      cpu:     500m
    Liveness:  http-get http://:8080/healthz delay=0s timeout=1s period=10s successThreshold=1 failureThreshold=3
    Environment Variables from:
      c  ConfigMap                Optional: false
      s  Secret with prefix 'S_'  Optional: true
    Environment:
      PLAIN:  x
      NODE:    (v1:spec.nodeName)
      KEY:    <set to the key 'k' in secret 's'>  Optional: false
      LIMIT:  1024 (limits.memory)
      CPUS:   1 (requests.cpu)
    Mounts:
      /a from a (rw)
      /b from b (ro,path="s")
  Volumes:
   a:
    Type:          HostPath (bare host directory volume)
    Path:          /var/a
    HostPathType:  
   b:
    Type:       EmptyDir (a temporary directory that shares a pod's lifetime)
    Medium:     Memory
    SizeLimit:  1Gi
   c:
    Type:      ConfigMap (a volume populated by a ConfigMap)
    Name:      c
    Optional:  true
   d:
    Type:           Projected (a volume that contains injected data from multiple sources)
    SecretName:     s
    Optional:       false
    ConfigMapName:  c
    Optional:       false
    DownwardAPI:    true
   e:
    Type:  DownwardAPI (a volume populated by information about the pod)
    Items:
      metadata.labels -> labels
  Topology Spread Constraints:  zone:DoNotSchedule when max skew 1 is exceeded for selector a=b
  Priority Class Name:          high
  Node-Selectors:               disk=ssd
  Tolerations:                  op=Exists
                                a:NoSchedule op=Exists
                                b=c:NoExecute for 60s
Events:                         <none>
)");
}

constexpr char kPod[] = R"(
apiVersion: v1
kind: Pod
metadata:
  name: web-x2x4c
  namespace: default
  labels: {app: web}
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: web, uid: u, controller: true}]
spec:
  priority: 0
  nodeName: node-1
  serviceAccountName: default
  containers:
  - name: main
    image: "nginx:1"
    env: [{name: ME, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}},
          {name: APP, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: "metadata.labels['app']"}}}]
  tolerations: [{key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute}]
status:
  phase: Running
  hostIP: 10.0.0.1
  podIP: 10.1.0.7
  podIPs: [{ip: 10.1.0.7}]
  startTime: "2023-11-14T22:13:00Z"
  qosClass: BestEffort
  conditions: [{type: Initialized, status: "True"}, {type: Ready, status: "False"}]
  containerStatuses:
  - name: main
    containerID: containerd://abc
    imageID: nginx@sha256:def
    image: nginx:1
    ready: false
    restartCount: 2
    state: {waiting: {reason: CrashLoopBackOff, message: "back-off 20s"}}
    lastState:
      terminated: {exitCode: 137, signal: 9, reason: OOMKilled, message: bye, startedAt: "2023-11-14T22:13:01Z", finishedAt: "2023-11-14T22:13:10Z"}
)";

TEST(DescribePod, ReadsLikeKubectl) {
  EXPECT_EQ(DescribeYaml(kPod), R"(Name:             web-x2x4c
Namespace:        default
Priority:         0
Service Account:  default
Node:             node-1/10.0.0.1
Start Time:       Tue, 14 Nov 2023 22:13:00 +0000
Labels:           app=web
Annotations:      <none>
Status:           Running
IP:               10.1.0.7
IPs:
  IP:           10.1.0.7
Controlled By:  DaemonSet/web
Containers:
  main:
    Container ID:   containerd://abc
    Image:          nginx:1
    Image ID:       nginx@sha256:def
    Port:           <none>
    Host Port:      <none>
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Message:      bye
      Exit Code:    137
      Signal:       9
      Started:      Tue, 14 Nov 2023 22:13:01 +0000
      Finished:     Tue, 14 Nov 2023 22:13:10 +0000
    Ready:          False
    Restart Count:  2
    Environment:
      ME:    web-x2x4c (v1:metadata.name)
      APP:   web (v1:metadata.labels['app'])
    Mounts:  <none>
Conditions:
  Type           Status
  Initialized    True 
  Ready          False 
Volumes:         <none>
QoS Class:       BestEffort
Node-Selectors:  <none>
Tolerations:     node.kubernetes.io/not-ready:NoExecute op=Exists
Events:          <none>
)");
}

TEST(DescribePod, SaysWhenItIsPendingOrGoing) {
  const std::string pending = DescribeYaml(
      "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: default}, spec: {containers: "
      "[{name: a, image: x}]}, status: {phase: Pending, reason: Unschedulable, message: no room}}");
  EXPECT_THAT(pending, HasSubstr("Node:         <none>\n"));
  EXPECT_THAT(pending,
              HasSubstr("Status:       Pending\nReason:       Unschedulable\nMessage:      "
                        "no room\n"));
  EXPECT_THAT(pending, HasSubstr("IPs:          <none>\n"));
  EXPECT_THAT(pending, Not(HasSubstr("Start Time")));
  EXPECT_THAT(pending, HasSubstr("QoS Class:        BestEffort\n"));
  const std::string going = DescribeYaml(
      "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: default, deletionTimestamp: "
      "'2023-11-14T22:13:10Z', deletionGracePeriodSeconds: 30}, spec: {containers: [{name: a, "
      "image: x}]}, status: {phase: Running}}");
  EXPECT_THAT(going, HasSubstr("Terminating (lasts 10s)\n"));
  EXPECT_THAT(going, HasSubstr("Termination Grace Period:  30s\n"));
}

TEST(DescribeNode, ReadsLikeKubectl) {
  const std::string pods = R"(
apiVersion: v1
kind: Pod
metadata: {name: web-a, namespace: default, creationTimestamp: "2023-11-14T22:08:20Z"}
spec:
  nodeName: node-1
  containers: [{name: a, image: x, resources: {requests: {cpu: 250m, memory: 64Mi}, limits: {cpu: "1"}}}]
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: default}
spec: {nodeName: node-1, containers: [{name: a, image: x}]}
status: {phase: Succeeded}
---
apiVersion: v1
kind: Pod
metadata: {name: elsewhere, namespace: default}
spec: {nodeName: node-2, containers: [{name: a, image: x}]}
)";
  EXPECT_EQ(DescribeYaml(R"(
apiVersion: v1
kind: Node
metadata:
  name: node-1
  labels: {kubernetes.io/hostname: node-1}
  creationTimestamp: "2023-11-14T22:00:00Z"
spec:
  taints: [{key: b, effect: NoSchedule}, {key: a, value: x, effect: NoExecute}]
status:
  capacity: {cpu: "2", memory: 1Gi, pods: "110", acme.com/gpu: "4"}
  allocatable: {cpu: "1", memory: 512Mi, pods: "110", acme.com/gpu: "4"}
  conditions:
  - {type: Ready, status: "True", lastHeartbeatTime: "2023-11-14T22:13:00Z", lastTransitionTime: "2023-11-14T22:01:00Z", reason: AgentReady, message: fine}
  addresses: [{type: InternalIP, address: 10.0.0.1}, {type: Hostname, address: node-1}]
  nodeInfo: {machineID: m, systemUUID: s, bootID: b, kernelVersion: "6.1", osImage: Debian, containerRuntimeVersion: "containerd://1.6", kubeletVersion: v0.1, operatingSystem: linux, architecture: amd64}
)",
                         pods),
            R"(Name:               node-1
Roles:              <none>
Labels:             kubernetes.io/hostname=node-1
Annotations:        <none>
CreationTimestamp:  Tue, 14 Nov 2023 22:00:00 +0000
Taints:             a=x:NoExecute
                    b:NoSchedule
Unschedulable:      false
Conditions:
  Type    Status  LastHeartbeatTime                 LastTransitionTime                Reason       Message
  ----    ------  -----------------                 ------------------                ------       -------
  Ready   True    Tue, 14 Nov 2023 22:13:00 +0000   Tue, 14 Nov 2023 22:01:00 +0000   AgentReady   fine
Addresses:
  InternalIP:  10.0.0.1
  Hostname:    node-1
Capacity:
  acme.com/gpu:  4
  cpu:           2
  memory:        1Gi
  pods:          110
Allocatable:
  acme.com/gpu:  4
  cpu:           1
  memory:        512Mi
  pods:          110
System Info:
  Machine ID:                 m
  System UUID:                s
  Boot ID:                    b
  Kernel Version:             6.1
  OS Image:                   Debian
  Operating System:           linux
  Architecture:               amd64
  Container Runtime Version:  containerd://1.6
  Kubelet Version:            v0.1
Non-terminated Pods:          (1 in total)
  Namespace                   Name     CPU Requests  CPU Limits  Memory Requests  Memory Limits  Age
  ---------                   ----     ------------  ----------  ---------------  -------------  ---
  default                     web-a    250m (25%)    1 (100%)    64Mi (12%)       0 (0%)         5m
Allocated resources:
  (Total limits may be over 100 percent, i.e., overcommitted.)
  Resource           Requests    Limits
  --------           --------    ------
  cpu                250m (25%)  1 (100%)
  memory             64Mi (12%)  0 (0%)
  ephemeral-storage  0 (0%)      0 (0%)
  acme.com/gpu       0           0
Events:              <none>
)");
}

// Spec: 12.4/annotations
TEST(DescribeAnnotations, CutsLongOnesAndIndentsLines) {
  std::string out;
  TextMap annotations;
  annotations["long"] = std::string(150, 'x');
  annotations["lines"] = "a\nb\n";
  annotations["one"] = "c\n";
  DescribeAnnotations("Annotations", annotations, out);
  EXPECT_EQ(out, "Annotations:\tlines:\n\t  a\n\t  b\n\tlong:\n\t  " + std::string(138, 'x') +
                     "...\n\tone: c\n");
}

// Spec: 12.4/template
TEST(ProbeText, NamesEachHandler) {
  v1::Probe probe;
  probe.set_initial_delay_seconds(5);
  const std::string numbers =
      " delay=5s timeout=0s period=0s successThreshold=0 failureThreshold=0";
  EXPECT_EQ(ProbeText(probe), "unknown" + numbers);
  probe.mutable_grpc()->set_port(9);
  probe.mutable_grpc()->set_service("s");
  EXPECT_EQ(ProbeText(probe), "grpc <pod>:9 s" + numbers);
  probe.mutable_tcp_socket()->mutable_port()->set_string_value("http");
  EXPECT_EQ(ProbeText(probe), "tcp-socket :http" + numbers);
  probe.mutable_http_get()->set_scheme("HTTPS");
  probe.mutable_http_get()->set_host("h");
  probe.mutable_http_get()->set_path("x");
  probe.mutable_http_get()->mutable_port()->set_int_value(1);
  EXPECT_EQ(ProbeText(probe), "http-get https://h:1/x" + numbers);
  probe.mutable_exec()->add_command("cat");
  probe.mutable_exec()->add_command("/x");
  EXPECT_EQ(ProbeText(probe), "exec [cat /x]" + numbers);
}

TEST(DescribeSecret, NeverShowsValues) {
  EXPECT_EQ(DescribeYaml("{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: default}, "
                         "type: Opaque, data: {b: aGlkZGVu, a: ''}}"),
            "Name:         s\n"
            "Namespace:    default\n"
            "Labels:       <none>\n"
            "Annotations:  <none>\n"
            "\n"
            "Type:  Opaque\n"
            "\n"
            "Data\n"
            "====\n"
            "a:       0 bytes\n"
            "b:       6 bytes\n"
            "Events:  <none>\n");
}

TEST(DescribeConfigMap, ShowsTextAndSizes) {
  EXPECT_EQ(DescribeYaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: "
                         "default}, data: {b: two, a: one}, binaryData: {x: AAA=}}"),
            "Name:         c\n"
            "Namespace:    default\n"
            "Labels:       <none>\n"
            "Annotations:  <none>\n"
            "\n"
            "Data\n"
            "====\n"
            "a:\n"
            "----\n"
            "one\n"
            "\n"
            "b:\n"
            "----\n"
            "two\n"
            "\n"
            "\n"
            "BinaryData\n"
            "====\n"
            "x: 2 bytes\n"
            "\n"
            "Events:  <none>\n");
}

TEST(DescribeAnything, ShowsTheRestAsYaml) {
  EXPECT_EQ(DescribeYaml("{apiVersion: v1, kind: Namespace, metadata: {name: a}, status: {phase: "
                         "Active}}"),
            "Name:         a\n"
            "Labels:       <none>\n"
            "Annotations:  <none>\n"
            "status:\n"
            "  phase: Active\n"
            "Events:  <none>\n");
  EXPECT_EQ(DescribeYaml("{apiVersion: v1, kind: Namespace, metadata: {name: a}}"),
            "Name:         a\n"
            "Labels:       <none>\n"
            "Annotations:  <none>\n"
            "Events:       <none>\n");
}

TEST(DescribeEvents, BelongToTheObjectByNameAndUid) {
  const std::string node = "{apiVersion: v1, kind: Node, metadata: {name: node-1, uid: u}}";
  auto event = [](const std::string& about) {
    return "{apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: " + about +
           ", reason: Seen, eventTime: '2023-11-14T22:13:10.000000Z'}";
  };
  const auto seen = HasSubstr("Seen");
  EXPECT_THAT(DescribeYaml(node, "", event("{kind: Node, name: node-1, uid: u}")), seen);
  EXPECT_THAT(DescribeYaml(node, "", event("{kind: Node, name: node-1, uid: node-1}")), seen);
  EXPECT_THAT(DescribeYaml(node, "", event("{kind: Node, name: node-1}")), seen);
  EXPECT_THAT(DescribeYaml(node, "", event("{kind: Node, name: node-1, uid: x}")), Not(seen));
  EXPECT_THAT(DescribeYaml(node, "", event("{kind: Pod, name: node-1, uid: u}")), Not(seen));
  EXPECT_THAT(DescribeYaml(node, "", event("{kind: Node, name: node-2, uid: u}")), Not(seen));
  EXPECT_THAT(DescribeYaml(node, "", event("{kind: Node, namespace: x, name: node-1}")), Not(seen));
}

}  // namespace
}  // namespace muster::coordinator
