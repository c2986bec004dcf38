#include <string>
#include <vector>

#include "coordinator/admission/defaults.h"
#include "coordinator/admission/validate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

// One rule of the API server: the spec of a pod, and what is wrong with it. Problems are given
// without the path of the spec in front, "*" ends one of which only the beginning matters.
struct Case {
  const char* rule;
  std::string spec;
  std::vector<std::string> problems;
};

testing::Matcher<std::string> Expecting(const std::string& prefix, const std::string& problem) {
  if (problem.ends_with('*')) {
    return testing::StartsWith(prefix + problem.substr(0, problem.size() - 1));
  }
  return testing::Eq(prefix + problem);
}

// In a template, where most pods come from.
void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.rule);
    v1::Object object = FromYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: )" + c.spec);
    SetDefaults(object);
    std::vector<testing::Matcher<std::string>> expected;
    for (const std::string& problem : c.problems) {
      expected.push_back(Expecting("spec.template.spec.", problem));
    }
    EXPECT_THAT(Texts(Validate(object)), testing::ElementsAreArray(expected));
  }
}

// The same with one container whose other fields are given.
void CheckContainer(std::vector<Case> cases, const std::string& rest_of_spec = "") {
  for (Case& c : cases) {
    c.spec = "{containers: [{name: a, image: x, " + c.spec + "}]" + rest_of_spec + "}";
    for (std::string& problem : c.problems) problem = "containers[0]." + problem;
  }
  Check(cases);
}

// Spec: 9.1/label-names, 9.3/containers, 9.3/duplicate-name
TEST(ValidatePod, Containers) {
  Check({
      {"none", "{}", {"containers: Required value"}},
      {"without name and image",
       "{containers: [{}]}",
       {"containers[0].name: Required value", "containers[0].image: Required value"}},
      {"name no label",
       "{containers: [{name: a.b, image: x}]}",
       {"containers[0].name: Invalid value: \"a.b\": a lowercase RFC 1123 label*"}},
      {"same name twice",
       "{containers: [{name: a, image: x}, {name: a, image: x}]}",
       {"containers[1].name: Duplicate value: \"a\""}},
      {"init containers share the names",
       "{containers: [{name: a, image: x}], initContainers: [{name: a, image: x}]}",
       {"initContainers[0].name: Duplicate value: \"a\""}},
      {"init container without image",
       "{containers: [{name: a, image: x}], initContainers: [{name: b}]}",
       {"initContainers[0].image: Required value"}},
  });
  CheckContainer({
      {"pull policy",
       "imagePullPolicy: Sometimes",
       {"imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", "
        "\"IfNotPresent\", \"Never\""}},
      {"termination message policy",
       "terminationMessagePolicy: x",
       {"terminationMessagePolicy: Unsupported value: \"x\": supported values: "
        "\"FallbackToLogsOnError\", \"File\""}},
  });
  Check({{"blanks around the image",
          "{containers: [{name: a, image: ' x'}]}",
          {"containers[0].image: Invalid value: \" x\": must not have leading or trailing "
           "whitespace"}}});
}

// Spec: 9.1/port-name, 9.3/port-range, 9.3/port-protocol, 9.3/duplicate-host-port
// Spec: 9.3/host-network-port
TEST(ValidatePod, Ports) {
  const std::string range = "must be between 1 and 65535, inclusive";
  CheckContainer({
      {"missing", "ports: [{name: web}]", {"ports[0].containerPort: Required value"}},
      {"zero", "ports: [{containerPort: 0}]", {"ports[0].containerPort: Required value"}},
      {"too large",
       "ports: [{containerPort: 65536}]",
       {"ports[0].containerPort: Invalid value: 65536: " + range}},
      {"largest", "ports: [{containerPort: 65535}]", {}},
      {"negative host port",
       "ports: [{containerPort: 1, hostPort: -1}]",
       {"ports[0].hostPort: Invalid value: -1: " + range}},
      {"protocol",
       "ports: [{containerPort: 1, protocol: tcp}]",
       {"ports[0].protocol: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", "
        "\"UDP\""}},
      {"SCTP", "ports: [{containerPort: 1, protocol: SCTP}]", {}},
      {"name too long",
       "ports: [{containerPort: 1, name: abcdefghijklmnop}]",
       {"ports[0].name: Invalid value: \"abcdefghijklmnop\": must be no more than 15 "
        "characters"}},
      {"same name twice",
       "ports: [{containerPort: 1, name: a}, {containerPort: 2, name: a}]",
       {"ports[1].name: Duplicate value: \"a\""}},
      {"host port twice",
       "ports: [{containerPort: 1, hostPort: 8080}, {containerPort: 2, hostPort: 8080}]",
       {"ports[1].hostPort: Duplicate value: \"TCP//8080\""}},
      {"host port twice but on other addresses",
       "ports: [{containerPort: 1, hostPort: 8080, hostIP: 10.0.0.1}, {containerPort: 2, "
       "hostPort: 8080, hostIP: 10.0.0.2}]",
       {}},
      {"host port twice but other protocols",
       "ports: [{containerPort: 1, hostPort: 53}, {containerPort: 1, hostPort: 53, protocol: "
       "UDP}]",
       {}},
      {"container port twice", "ports: [{containerPort: 1}, {containerPort: 1}]", {}},
      {"host address",
       "ports: [{containerPort: 1, hostIP: localhost}]",
       {"ports[0].hostIP: Invalid value: \"localhost\": must be a valid IP address*"}},
  });
  CheckContainer(
      {
          {"host network with another host port",
           "ports: [{containerPort: 1, hostPort: 2}]",
           {"ports[0].hostPort: Invalid value: 2: must match `containerPort` when `hostNetwork` "
            "is true"}},
          {"host network with the same", "ports: [{containerPort: 1, hostPort: 1}]", {}},
          {"host network, filled in later", "ports: [{containerPort: 1}]", {}},
      },
      ", hostNetwork: true, enableServiceLinks: false");
  Check({
      {"host port in two containers",
       "{containers: [{name: a, image: x, ports: [{containerPort: 1, hostPort: 8}]}, {name: b, "
       "image: x, ports: [{containerPort: 1, hostPort: 8}]}]}",
       {"containers[1].ports[0].hostPort: Duplicate value: \"TCP//8\""}},
      {"host port in an init container",
       "{containers: [{name: a, image: x, ports: [{containerPort: 1, hostPort: 8}]}], "
       "initContainers: [{name: b, image: x, ports: [{containerPort: 1, hostPort: 8}]}]}",
       {}},
  });
}

// Spec: 9.3/probe-handler, 9.3/probe-numbers, 9.3/probe-target
// Spec: pod/2/probe-numbers, pod/8/own-grace
TEST(ValidatePod, Probes) {
  CheckContainer({
      {"no handler",
       "livenessProbe: {}",
       {"livenessProbe: Required value: must specify a handler "
        "type"}},
      {"two handlers",
       "livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}",
       {"livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"}},
      {"negative numbers",
       "readinessProbe: {exec: {command: [a]}, initialDelaySeconds: -1, timeoutSeconds: -2, "
       "periodSeconds: -3, successThreshold: -4, failureThreshold: -5}",
       {"readinessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0",
        "readinessProbe.timeoutSeconds: Invalid value: -2: must be greater than or equal to 0",
        "readinessProbe.periodSeconds: Invalid value: -3: must be greater than or equal to 0",
        "readinessProbe.successThreshold: Invalid value: -4: must be greater than or equal to 0",
        "readinessProbe.failureThreshold: Invalid value: -5: must be greater than or equal to 0"}},
      {"liveness needs one success",
       "livenessProbe: {exec: {command: [a]}, successThreshold: 2}",
       {"livenessProbe.successThreshold: Invalid value: 2: must be 1"}},
      {"startup needs one success",
       "startupProbe: {exec: {command: [a]}, successThreshold: 2}",
       {"startupProbe.successThreshold: Invalid value: 2: must be 1"}},
      {"readiness may need more",
       "readinessProbe: {exec: {command: [a]}, successThreshold: 2}",
       {}},
      {"readiness has no grace",
       "readinessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 1}",
       {"readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for "
        "readinessProbes"}},
      {"grace of zero",
       "livenessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 0}",
       {"livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0"}},
      {"port out of range",
       "livenessProbe: {httpGet: {port: 0}}",
       {"livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"}},
      {"port name",
       "livenessProbe: {tcpSocket: {port: HTTP}}",
       {"livenessProbe.tcpSocket.port: Invalid value: \"HTTP\": must contain only alpha-numeric*",
        "livenessProbe.tcpSocket.port: Invalid value: \"HTTP\": must contain at least one*"}},
      {"grpc port",
       "livenessProbe: {grpc: {port: 70000}}",
       {"livenessProbe.grpc.port: Invalid value: 70000: must be between 1 and 65535, inclusive"}},
      {"scheme",
       "livenessProbe: {httpGet: {port: 1, scheme: http}}",
       {"livenessProbe.httpGet.scheme: Unsupported value: \"http\": supported values: \"HTTP\", "
        "\"HTTPS\""}},
      {"empty command",
       "livenessProbe: {exec: {}}",
       {"livenessProbe.exec.command: Required value"}},
      {"header",
       "livenessProbe: {httpGet: {port: 1, httpHeaders: [{name: 'a b', value: x}]}}",
       {"livenessProbe.httpGet.httpHeaders[0].name: Invalid value: \"a b\": a valid HTTP header*"}},
      {"hook without handler",
       "lifecycle: {preStop: {}}",
       {"lifecycle.preStop: Required value: must specify a handler type"}},
      {"sleep longer than the grace",
       "lifecycle: {preStop: {sleep: {seconds: 31}}}",
       {"lifecycle.preStop.sleep.seconds: Invalid value: 31: must be non-negative and less than "
        "terminationGracePeriodSeconds (30)"}},
  });
}

// Spec: 9.3/init-container
// Spec: pod/4.4/no-hooks-or-probes
TEST(ValidatePod, InitContainersRunToTheirEnd) {
  const std::string why =
      "Forbidden: may not be set for init containers without "
      "restartPolicy=Always";
  auto with_init = [](const std::string& fields) {
    return "{containers: [{name: a, image: x}], initContainers: [{name: b, image: x, " + fields +
           "}]}";
  };
  Check({
      {"liveness",
       with_init("livenessProbe: {exec: {command: [a]}}"),
       {"initContainers[0].livenessProbe: " + why}},
      {"readiness",
       with_init("readinessProbe: {exec: {command: [a]}}"),
       {"initContainers[0].readinessProbe: " + why}},
      {"startup",
       with_init("startupProbe: {exec: {command: [a]}}"),
       {"initContainers[0].startupProbe: " + why}},
      {"lifecycle",
       with_init("lifecycle: {preStop: {exec: {command: [a]}}}"),
       {"initContainers[0].lifecycle: " + why}},
      {"other restart policy",
       with_init("restartPolicy: OnFailure"),
       {"initContainers[0].restartPolicy: Unsupported value: \"OnFailure\": supported values: "
        "\"Always\""}},
      {"a sidecar may be probed",
       with_init("restartPolicy: Always, livenessProbe: {exec: {command: [a]}}"),
       {}},
      {"but rightly",
       with_init("restartPolicy: Always, livenessProbe: {}"),
       {"initContainers[0].livenessProbe: Required value: must specify a handler type"}},
  });
}

// Spec: 9.3/request-over-limit, 9.3/extended-resource, 9.3/quantity
// Spec: pod/17.2/extended
TEST(ValidatePod, Resources) {
  CheckContainer({
      {"request above limit",
       "resources: {requests: {cpu: 200m}, limits: {cpu: 100m}}",
       {"resources.requests: Invalid value: \"200m\": must be less than or equal to cpu limit of "
        "100m"}},
      {"request equals limit by value",
       "resources: {requests: {cpu: 1000m}, limits: {cpu: 1}}",
       {}},
      {"extended resource requested without limit",
       "resources: {requests: {acme.com/gpu: 1}}",
       {"resources.limits: Required value: Limit must be set for non overcommitable resources"}},
      {"extended resource below its limit",
       "resources: {requests: {acme.com/gpu: 1}, limits: {acme.com/gpu: 2}}",
       {"resources.requests: Invalid value: \"1\": must be equal to acme.com/gpu limit of 2"}},
      {"huge pages below their limit",
       "resources: {requests: {hugepages-2Mi: 2Mi, cpu: 1}, limits: {hugepages-2Mi: 4Mi}}",
       {"resources.requests: Invalid value: \"2Mi\": must be equal to hugepages-2Mi limit of "
        "4Mi"}},
      {"huge pages alone",
       "resources: {limits: {hugepages-2Mi: 4Mi}}",
       {"resources: Forbidden: HugePages require cpu or memory"}},
      {"negative",
       "resources: {limits: {cpu: -1}}",
       {"resources.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"}},
      {"fraction of a device",
       "resources: {limits: {acme.com/gpu: 500m}}",
       {"resources.limits[acme.com/gpu]: Invalid value: \"500m\": must be an integer"}},
      {"unknown name",
       "resources: {limits: {cpus: 1}}",
       {"resources.limits[cpus]: Invalid value: \"cpus\": must be a standard resource for "
        "containers"}},
      {"illegal name",
       "resources: {limits: {a/b/c: 1}}",
       {"resources.limits[a/b/c]: Invalid value: \"a/b/c\": a qualified name must*"}},
      {"vendor name that hides a request",
       "resources: {limits: {requests.acme.com/gpu: 1}}",
       {"resources.limits[requests.acme.com/gpu]: Invalid value: \"requests.acme.com/gpu\": "
        "doesn't follow extended resource name standard"}},
      {"ephemeral storage is standard", "resources: {limits: {ephemeral-storage: 1Gi}}", {}},
  });
}

// Spec: 9.1/env-name, 9.3/env-source
// Spec: pod/24/resize
TEST(ValidatePod, ResizePolicies) {
  CheckContainer({
      {"both kinds",
       "resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}, {resourceName: memory, "
       "restartPolicy: RestartContainer}]",
       {}},
      {"another resource",
       "resizePolicy: [{resourceName: disk, restartPolicy: NotRequired}]",
       {"resizePolicy[0].resourceName: Unsupported value: \"disk\": supported values: \"cpu\", "
        "\"memory\""}},
      {"another policy",
       "resizePolicy: [{resourceName: cpu, restartPolicy: Never}]",
       {"resizePolicy[0].restartPolicy: Unsupported value: \"Never\": supported values: "
        "\"NotRequired\", \"RestartContainer\""}},
      {"twice",
       "resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}, {resourceName: cpu, "
       "restartPolicy: NotRequired}]",
       {"resizePolicy[1].resourceName: Duplicate value: \"cpu\""}},
  });
}

TEST(ValidatePod, Environment) {
  CheckContainer({
      {"no name", "env: [{value: x}]", {"env[0].name: Required value"}},
      {"equals sign in the name",
       "env: [{name: a=b, value: x}]",
       {"env[0].name: Invalid value: \"a=b\": a valid environment variable name*"}},
      {"no source",
       "env: [{name: a, valueFrom: {}}]",
       {"env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, "
        "`resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"}},
      {"value and source",
       "env: [{name: a, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
       {"env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"}},
      {"two sources",
       "env: [{name: a, valueFrom: {fieldRef: {fieldPath: metadata.name}, secretKeyRef: {name: s, "
       "key: k}}}]",
       {"env[0].valueFrom: Invalid value: \"\": may not have more than one field specified at a "
        "time"}},
      {"unknown field",
       "env: [{name: a, valueFrom: {fieldRef: {fieldPath: spec.hostname}}}]",
       {"env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"spec.hostname\": supported "
        "values: \"metadata.name\", *"}},
      {"a label",
       "env: [{name: a, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['x/y']\"}}}]",
       {}},
      {"an illegal annotation key",
       "env: [{name: a, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['x y']\"}}}]",
       {"env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"x y\": name part must consist*"}},
      {"field without path",
       "env: [{name: a, valueFrom: {fieldRef: {}}}]",
       {"env[0].valueFrom.fieldRef.fieldPath: Required value"}},
      {"unknown resource",
       "env: [{name: a, valueFrom: {resourceFieldRef: {resource: limits.gpu}}}]",
       {"env[0].valueFrom.resourceFieldRef.resource: Unsupported value: \"limits.gpu\"*"}},
      {"huge pages",
       "env: [{name: a, valueFrom: {resourceFieldRef: {resource: "
       "limits.hugepages-2Mi}}}]",
       {}},
      {"key reference without name and key",
       "env: [{name: a, valueFrom: {configMapKeyRef: {}}}]",
       {"env[0].valueFrom.configMapKeyRef.name: Required value",
        "env[0].valueFrom.configMapKeyRef.key: Required value"}},
      {"illegal key",
       "env: [{name: a, valueFrom: {secretKeyRef: {name: s, key: a/b}}}]",
       {"env[0].valueFrom.secretKeyRef.key: Invalid value: \"a/b\": a valid config key*"}},
      {"envFrom without source",
       "envFrom: [{prefix: A_}]",
       {"envFrom[0]: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"}},
      {"envFrom with two",
       "envFrom: [{configMapRef: {name: a}, secretRef: {name: b}}]",
       {"envFrom[0]: Invalid value: \"\": may not have more than one field specified at a time"}},
      {"envFrom without name",
       "envFrom: [{secretRef: {}}]",
       {"envFrom[0].secretRef.name: Required value"}},
  });
}

// Spec: 9.3/mounts-and-volumes, 9.3/volume-sources
// Spec: pod/14.1/parent-steps, pod/14.4/propagation
TEST(ValidatePod, VolumesAndMounts) {
  CheckContainer(
      {
          {"unknown volume",
           "volumeMounts: [{name: x, mountPath: /a}]",
           {"volumeMounts[0].name: Not found: \"x\""}},
          {"same path twice",
           "volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /a}]",
           {"volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique"}},
          {"without name and path",
           "volumeMounts: [{}]",
           {"volumeMounts[0].name: Required value", "volumeMounts[0].mountPath: Required value"}},
          {"absolute sub path",
           "volumeMounts: [{name: v, mountPath: /a, subPath: /b}]",
           {"volumeMounts[0].subPath: Invalid value: \"/b\": must be a relative path"}},
          {"sub path that leaves",
           "volumeMounts: [{name: v, mountPath: /a, subPath: b/../../c}]",
           {"volumeMounts[0].subPath: Invalid value: \"b/../../c\": must not contain '..'"}},
          {"dots in a name are fine",
           "volumeMounts: [{name: v, mountPath: /a, subPath: b..c}]",
           {}},
          {"both sub paths",
           "volumeMounts: [{name: v, mountPath: /a, subPath: b, subPathExpr: c}]",
           {"volumeMounts[0].subPathExpr: Invalid value: \"c\": subPathExpr and subPath are "
            "mutually exclusive"}},
          {"propagation",
           "volumeMounts: [{name: v, mountPath: /a, mountPropagation: Both}]",
           {"volumeMounts[0].mountPropagation: Unsupported value: \"Both\": supported values: "
            "\"Bidirectional\", \"HostToContainer\", \"None\""}},
          {"back to the host only when privileged",
           "volumeMounts: [{name: v, mountPath: /a, mountPropagation: Bidirectional}]",
           {"volumeMounts[0].mountPropagation: Forbidden: Bidirectional mount propagation is "
            "available only to privileged containers"}},
          {"privileged",
           "securityContext: {privileged: true}, volumeMounts: [{name: v, mountPath: /a, "
           "mountPropagation: Bidirectional}]",
           {}},
      },
      ", volumes: [{name: v}]");
  auto with_volumes = [](const std::string& volumes) {
    return "{containers: [{name: a, image: x}], volumes: " + volumes + "}";
  };
  Check({
      {"no name", with_volumes("[{emptyDir: {}}]"), {"volumes[0].name: Required value"}},
      {"name twice",
       with_volumes("[{name: a}, {name: a}]"),
       {"volumes[1].name: Duplicate value: \"a\""}},
      {"name no label", with_volumes("[{name: A}]"), {"volumes[0].name: Invalid value: \"A\"*"}},
      {"two sources",
       with_volumes("[{name: a, emptyDir: {}, hostPath: {path: /a}}]"),
       {"volumes[0].emptyDir: Forbidden: may not specify more than 1 volume type"}},
      {"host path without path",
       with_volumes("[{name: a, hostPath: {}}]"),
       {"volumes[0].hostPath.path: Required value"}},
      {"host path that climbs",
       with_volumes("[{name: a, hostPath: {path: /a/../b}}]"),
       {"volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"}},
      {"host path type",
       with_volumes("[{name: a, hostPath: {path: /a, type: Dir}}]"),
       {"volumes[0].hostPath.type: Unsupported value: \"Dir\"*"}},
      {"file mode",
       with_volumes("[{name: a, secret: {secretName: s, defaultMode: 512}}]"),
       {"volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 "
        "(octal), both inclusive"}},
      {"secret without name",
       with_volumes("[{name: a, secret: {}}]"),
       {"volumes[0].secret.secretName: Required value"}},
      {"config map items",
       with_volumes("[{name: a, configMap: {name: c, items: [{}, {key: k, path: /p}, {key: k, "
                    "path: ../p, mode: -1}]}}]"),
       {"volumes[0].configMap.items[0].key: Required value",
        "volumes[0].configMap.items[0].path: Required value",
        "volumes[0].configMap.items[1].path: Invalid value: \"/p\": must be a relative path",
        "volumes[0].configMap.items[2].path: Invalid value: \"../p\": must not contain '..'",
        "volumes[0].configMap.items[2].mode: Invalid value: -1: must be a number between*"}},
      {"size limit",
       with_volumes("[{name: a, emptyDir: {sizeLimit: -1Gi}}]"),
       {"volumes[0].emptyDir.sizeLimit: Invalid value: \"-1Gi\": must be greater than or equal to "
        "0"}},
      {"downward file without source",
       with_volumes("[{name: a, downwardAPI: {items: [{path: p}]}}]"),
       {"volumes[0].downwardAPI.items[0].fieldRef: Required value: one of fieldRef and "
        "resourceFieldRef is required"}},
      {"downward file of a resource without container",
       with_volumes("[{name: a, downwardAPI: {items: [{path: p, resourceFieldRef: {resource: "
                    "limits.cpu}}]}}]"),
       {"volumes[0].downwardAPI.items[0].resourceFieldRef.containerName: Required value"}},
      {"all labels as a file",
       with_volumes("[{name: a, downwardAPI: {items: [{path: p, fieldRef: {fieldPath: "
                    "metadata.labels}}]}}]"),
       {}},
      {"node name as a file",
       with_volumes("[{name: a, downwardAPI: {items: [{path: p, fieldRef: {fieldPath: "
                    "spec.nodeName}}]}}]"),
       {"volumes[0].downwardAPI.items[0].fieldRef.fieldPath: Unsupported value*"}},
      {"empty projection",
       with_volumes("[{name: a, projected: {sources: [{}]}}]"),
       {"volumes[0].projected.sources[0]: Required value: must specify a projection type"}},
      {"two in one projection",
       with_volumes("[{name: a, projected: {sources: [{secret: {name: s}, configMap: {name: "
                    "c}}]}}]"),
       {"volumes[0].projected.sources[0].configMap: Forbidden: may not specify more than 1 volume "
        "type"}},
  });
}

// Spec: 9.3/toleration
TEST(ValidatePod, Tolerations) {
  auto with = [](const std::string& toleration) {
    return "{containers: [{name: a, image: x}], tolerations: [" + toleration + "]}";
  };
  Check({
      {"everything", with("{operator: Exists}"), {}},
      {"empty key without Exists",
       with("{operator: Equal, value: a}"),
       {"tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is "
        "empty, which means \"match all values and all keys\""}},
      {"Exists with value",
       with("{key: a, operator: Exists, value: b}"),
       {"tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` is "
        "'Exists'"}},
      {"seconds without NoExecute",
       with("{key: a, operator: Exists, tolerationSeconds: 1}"),
       {"tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when "
        "`tolerationSeconds` is set"}},
      {"seconds with NoExecute",
       with("{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 1}"),
       {}},
      {"unknown effect",
       with("{key: a, operator: Exists, effect: Never}"),
       {"tolerations[0].effect: Unsupported value: \"Never\": supported values: \"NoSchedule\", "
        "\"PreferNoSchedule\", \"NoExecute\""}},
      {"unknown operator",
       with("{key: a, operator: In}"),
       {"tolerations[0].operator: Unsupported value: \"In\"*"}},
      {"value no label value",
       with("{key: a, value: b c}"),
       {"tolerations[0].operator: Invalid value: \"b c\": a valid label must be*"}},
      {"numbers", with("{key: a, operator: Gt, value: '10'}"), {}},
      {"Gt needs a number",
       with("{key: a, operator: Gt, value: ten}"),
       {"tolerations[0].value: Invalid value: \"ten\": must be an integer*"}},
  });
}

// Spec: 9.3/node-affinity, 9.3/affinity-value
TEST(ValidatePod, Affinity) {
  auto with = [](const std::string& terms) {
    return "{containers: [{name: a, image: x}], affinity: {nodeAffinity: "
           "{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: " +
           terms + "}}}}";
  };
  const std::string at =
      "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  Check({
      {"no terms",
       with("[]"),
       {at + ": Required value: must have at least one node selector term"}},
      {"an empty term is legal, though it matches nothing", with("[{}]"), {}},
      {"In without values",
       with("[{matchExpressions: [{key: a, operator: In}]}]"),
       {at + "[0].matchExpressions[0].values: Required value: must be specified when `operator` is "
             "'In' or 'NotIn'"}},
      {"Exists with values",
       with("[{matchExpressions: [{key: a, operator: Exists, values: [b]}]}]"),
       {at + "[0].matchExpressions[0].values: Forbidden: may not be specified when `operator` is "
             "'Exists' or 'DoesNotExist'"}},
      {"Gt with two values",
       with("[{matchExpressions: [{key: a, operator: Gt, values: ['1', '2']}]}]"),
       {at + "[0].matchExpressions[0].values: Required value: must be specified single value when "
             "`operator` is 'Lt' or 'Gt'"}},
      {"Gt with text passes, though it voids the term",
       with("[{matchExpressions: [{key: a, operator: Gt, values: [x]}]}]"),
       {}},
      {"unknown operator",
       with("[{matchExpressions: [{key: a, operator: Is}]}]"),
       {at + "[0].matchExpressions[0].operator: Invalid value: \"Is\": not a valid selector "
             "operator"}},
      {"value no label value",
       with("[{matchExpressions: [{key: a, operator: In, values: ['-5']}]}]"),
       {at + "[0].matchExpressions[0].values[0]: Invalid value: \"-5\": a valid label*"}},
      {"field key",
       with("[{matchFields: [{key: spec.x, operator: In, values: [a]}]}]"),
       {at + "[0].matchFields[0].key: Invalid value: \"spec.x\": not a valid field selector key"}},
      {"two field values",
       with("[{matchFields: [{key: metadata.name, operator: In, values: [a, b]}]}]"),
       {at + "[0].matchFields[0].values: Required value: must be only one value when `operator` is "
             "'In' or 'NotIn' for node field selector"}},
      {"field operator",
       with("[{matchFields: [{key: metadata.name, operator: Exists}]}]"),
       {at + "[0].matchFields[0].operator: Invalid value: \"Exists\": not a valid selector "
             "operator"}},
      {"field value no node name",
       with("[{matchFields: [{key: metadata.name, operator: In, values: [A]}]}]"),
       {at + "[0].matchFields[0].values[0]: Invalid value: \"A\": a lowercase RFC 1123 "
             "subdomain*"}},
  });
  const std::string preferred = "preferredDuringSchedulingIgnoredDuringExecution";
  Check({
      {"weight of a preference",
       "{containers: [{name: a, image: x}], affinity: {nodeAffinity: {" + preferred +
           ": [{weight: 101, preference: {}}]}}}",
       {"affinity.nodeAffinity." + preferred +
        "[0].weight: Invalid value: 101: must be in the range 1-100"}},
      {"pod affinity without topology",
       "{containers: [{name: a, image: x}], affinity: {podAntiAffinity: "
       "{requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {}}]}}}",
       {"affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: "
        "Required value: can not be empty"}},
      {"spread constraint",
       "{containers: [{name: a, image: x}], topologySpreadConstraints: [{maxSkew: 0, topologyKey: "
       "'', whenUnsatisfiable: Panic}]}",
       {"topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        "topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
        "topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"Panic\"*"}},
  });
}

// Spec: 9.3/dns, 9.3/negative-grace
// Spec: pod/16/dns-limits
TEST(ValidatePod, DnsHostsAndNames) {
  auto with = [](const std::string& fields) {
    return "{containers: [{name: a, image: x}], " + fields + "}";
  };
  Check({
      {"policy",
       with("dnsPolicy: Magic"),
       {"dnsPolicy: Unsupported value: \"Magic\": supported values: \"ClusterFirst\", "
        "\"ClusterFirstWithHostNet\", \"Default\", \"None\""}},
      {"None without config",
       with("dnsPolicy: None"),
       {"dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"}},
      {"None without nameservers",
       with("dnsPolicy: None, dnsConfig: {searches: [a.b]}"),
       {"dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when "
        "`dnsPolicy` is None"}},
      {"four nameservers",
       with("dnsConfig: {nameservers: [1.1.1.1, 2.2.2.2, 3.3.3.3, 4.4.4.4]}"),
       {"dnsConfig.nameservers: Invalid value: [\"1.1.1.1\",\"2.2.2.2\",\"3.3.3.3\",\"4.4.4.4\"]: "
        "must not have more than 3 nameservers"}},
      {"nameserver no address",
       with("dnsConfig: {nameservers: [dns]}"),
       {"dnsConfig.nameservers[0]: Invalid value: \"dns\": must be a valid IP address*"}},
      {"search domain",
       with("dnsConfig: {searches: [a.b., ., A]}"),
       {"dnsConfig.searches[2]: Invalid value: \"A\"*"}},
      {"option without name",
       with("dnsConfig: {options: [{value: a}]}"),
       {"dnsConfig.options[0].name: Required value: must not be empty"}},
      {"host alias",
       with("hostAliases: [{ip: x, hostnames: [a_b]}]"),
       {"hostAliases[0].ip: Invalid value: \"x\"*",
        "hostAliases[0].hostnames[0]: Invalid value: \"a_b\"*"}},
      {"grace period",
       with("terminationGracePeriodSeconds: -1"),
       {"terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0"}},
      {"node selector",
       with("nodeSelector: {a: 'b c'}"),
       {"nodeSelector[a]: Invalid value: \"b c\": a valid label*"}},
      {"node name", with("nodeName: A"), {"nodeName: Invalid value: \"A\"*"}},
      {"service account",
       with("serviceAccountName: A"),
       {"serviceAccountName: Invalid value: \"A\"*"}},
      {"pull secret without name",
       with("imagePullSecrets: [{}]"),
       {"imagePullSecrets[0].name: Required value"}},
      {"host name", with("hostname: a.b"), {"hostname: Invalid value: \"a.b\"*"}},
      {"preemption policy",
       with("preemptionPolicy: Often"),
       {"preemptionPolicy: Unsupported value: \"Often\"*"}},
  });
  std::string searches;
  for (int i = 0; i < 33; ++i) searches += "a.b, ";
  Check({{"33 searches",
          with("dnsConfig: {searches: [" + searches + "]}"),
          {"dnsConfig.searches: Invalid value: *"}}});
}

// Spec: pod/15/no-new-privileges, pod/15/unknown-capability
TEST(ValidatePod, Rights) {
  CheckContainer({
      {"user",
       "securityContext: {runAsUser: -1}",
       {"securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, "
        "inclusive"}},
      {"root is legal", "securityContext: {runAsUser: 0, runAsGroup: 0}", {}},
      {"escalation and privileged",
       "securityContext: {privileged: true, allowPrivilegeEscalation: false}",
       {"securityContext: Invalid value: {\"allowPrivilegeEscalation\":false,\"privileged\":true}: "
        "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"}},
      {"escalation and CAP_SYS_ADMIN",
       "securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}, allowPrivilegeEscalation: false}",
       {"securityContext: Invalid value: {*"}},
      {"capabilities that are none",
       "securityContext: {capabilities: {add: [NET_ADMIN, NET_ADMINS], drop: [ALL, all, CAP_X]}}",
       {"securityContext.capabilities.add[1]: Invalid value: \"NET_ADMINS\": is no capability of "
        "Linux",
        "securityContext.capabilities.drop[2]: Invalid value: \"CAP_X\": is no capability of "
        "Linux"}},
      {"AppArmor without profile",
       "securityContext: {appArmorProfile: {type: Localhost}}",
       {"securityContext.appArmorProfile.localhostProfile: Required value: must be set when "
        "AppArmor type is Localhost"}},
      {"AppArmor with blanks",
       "securityContext: {appArmorProfile: {type: Localhost, localhostProfile: \" p\"}}",
       {"securityContext.appArmorProfile.localhostProfile: Invalid value: \" p\": must not be "
        "padded with whitespace"}},
      {"AppArmor type",
       "securityContext: {appArmorProfile: {type: x}}",
       {"securityContext.appArmorProfile.type: Unsupported value: \"x\"*"}},
      {"AppArmor profile for nothing",
       "securityContext: {appArmorProfile: {type: Unconfined, localhostProfile: a}}",
       {"securityContext.appArmorProfile.localhostProfile: Invalid value: \"a\": can only be set "
        "when AppArmor type is Localhost"}},
      {"seccomp without file",
       "securityContext: {seccompProfile: {type: Localhost}}",
       {"securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp "
        "type is Localhost"}},
      {"seccomp type",
       "securityContext: {seccompProfile: {type: x}}",
       {"securityContext.seccompProfile.type: Unsupported value: \"x\"*"}},
      {"seccomp file for nothing",
       "securityContext: {seccompProfile: {type: Unconfined, localhostProfile: a}}",
       {"securityContext.seccompProfile.localhostProfile: Invalid value: \"a\": can only be set "
        "when seccomp type is Localhost"}},
  });
  auto with = [](const std::string& fields) {
    return "{containers: [{name: a, image: x}], " + fields + "}";
  };
  Check({
      {"group",
       with("securityContext: {supplementalGroups: [-1]}"),
       {"securityContext.supplementalGroups[0]: Invalid value: -1*"}},
      {"sysctl twice",
       with("securityContext: {sysctls: [{name: kernel.a, value: '1'}, {name: kernel.a, value: "
            "'1'}]}"),
       {"securityContext.sysctls[1].name: Duplicate value: \"kernel.a\""}},
      {"network sysctl on the host network",
       with("hostNetwork: true, securityContext: {sysctls: [{name: net.core.somaxconn, value: "
            "'1'}]}"),
       {"securityContext.sysctls[0].name: Invalid value: \"net.core.somaxconn\": may not be "
        "specified when 'hostNetwork' is true"}},
      {"two process namespaces",
       with("hostPID: true, shareProcessNamespace: true"),
       {"shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot "
        "both be enabled"}},
  });
}

TEST(ValidatePod, APodNeedsItsHostPortsFilledIn) {
  v1::Object pod = FromYaml(R"(
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  hostNetwork: true
  containers: [{name: a, image: x, ports: [{containerPort: 80}]}]
)");
  SetDefaults(pod);
  EXPECT_THAT(Validate(pod), testing::IsEmpty());
  pod.mutable_pod()->mutable_spec()->mutable_containers(0)->mutable_ports(0)->set_host_port(0);
  EXPECT_THAT(Texts(Validate(pod)),
              testing::ElementsAre("spec.containers[0].ports[0].hostPort: Invalid value: 0: must "
                                   "match `containerPort` when `hostNetwork` is true"));
}

}  // namespace
}  // namespace muster::coordinator
