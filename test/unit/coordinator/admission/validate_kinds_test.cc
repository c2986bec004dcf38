#include <string>
#include <vector>

#include "coordinator/admission/defaults.h"
#include "coordinator/admission/validate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Case {
  const char* rule;
  const char* yaml;
  std::vector<std::string> problems;
};

v1::Object Defaulted(const std::string& yaml) {
  v1::Object object = FromYaml(yaml);
  SetDefaults(object);
  return object;
}

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_THAT(Texts(Validate(Defaulted(c.yaml))), testing::ElementsAreArray(c.problems))
        << c.rule;
  }
}

void CheckUpdate(const char* rule, const std::string& stored, const std::string& updated,
                 const std::vector<std::string>& problems) {
  EXPECT_THAT(Texts(ValidateUpdate(Defaulted(updated), Defaulted(stored))),
              testing::ElementsAreArray(problems))
      << rule;
}

TEST(ValidateConfigMap, KeysAndSize) {
  Check({
      {"fine",
       "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a.yml: x}, binaryData: {b: "
       "AA==}}",
       {}},
      {"parent directory",
       "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {..: x}}",
       {"data[..]: Invalid value: \"..\": must not be '..'"}},
      {"key in both",
       "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: x}, binaryData: {a: "
       "AA==}}",
       {"data[a]: Invalid value: \"a\": duplicate of key present in binaryData"}},
  });
  v1::Object large = Defaulted("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}");
  (*large.mutable_config_map()->mutable_data())["a"] = std::string(1 << 20, 'x');
  EXPECT_THAT(Validate(large), IsEmpty());
  (*large.mutable_config_map()->mutable_binary_data())["b"] = "x";
  EXPECT_THAT(Texts(Validate(large)),
              ElementsAre("data: Too long: may not be more than 1048576 bytes"));
}

TEST(ValidateSecret, TypesNeedTheirKeys) {
  Check({
      {"opaque", "{apiVersion: v1, kind: Secret, metadata: {name: s}}", {}},
      {"registry",
       "{apiVersion: v1, kind: Secret, metadata: {name: s}, type: kubernetes.io/dockerconfigjson}",
       {"data[.dockerconfigjson]: Required value"}},
      {"old registry",
       "{apiVersion: v1, kind: Secret, metadata: {name: s}, type: kubernetes.io/dockercfg}",
       {"data[.dockercfg]: Required value"}},
      {"tls",
       "{apiVersion: v1, kind: Secret, metadata: {name: s}, type: kubernetes.io/tls, stringData: "
       "{tls.crt: a}}",
       {"data[tls.key]: Required value"}},
      {"ssh",
       "{apiVersion: v1, kind: Secret, metadata: {name: s}, type: kubernetes.io/ssh-auth}",
       {"data[ssh-privatekey]: Required value"}},
      {"basic",
       "{apiVersion: v1, kind: Secret, metadata: {name: s}, type: kubernetes.io/basic-auth}",
       {"data[username]: Required value", "data[password]: Required value"}},
      {"key",
       "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {..a: AA==}}",
       {"data[..a]: Invalid value: \"..a\": must not start with '..'"}},
  });
}

TEST(ValidatePriorityClass, ValuesAndNamesOfTheSystemAreReserved) {
  Check({
      {"largest",
       "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, value: "
       "1000000000}",
       {}},
      {"too large",
       "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, value: "
       "1000000001}",
       {"value: Forbidden: maximum allowed value of a user defined priority is 1000000000"}},
      {"name",
       "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: system-x}, "
       "value: 1}",
       {"metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for "
        "system use only"}},
      {"policy",
       "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, value: 1, "
       "preemptionPolicy: x}",
       {"preemptionPolicy: Unsupported value: \"x\": supported values: \"Never\", "
        "\"PreemptLowerPriority\""}},
  });
}

TEST(ValidateService, Ports) {
  Check({
      {"none",
       "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {}}",
       {"spec.ports: Required value"}},
      {"none, headless",
       "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: None}}",
       {}},
      {"external name",
       "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: ExternalName}}",
       {"spec.externalName: Required value"}},
      {"two without names",
       "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 1}, {port: "
       "2}]}}",
       {"spec.ports[0].name: Required value", "spec.ports[1].name: Required value"}},
      {"numbers",
       "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 70000, "
       "targetPort: 1}]}}",
       {"spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive"}},
      {"type",
       "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: x, ports: [{port: 1}]}}",
       {"spec.type: Unsupported value: \"x\": supported values: \"ClusterIP\", \"ExternalName\", "
        "\"LoadBalancer\", \"NodePort\""}},
  });
  EXPECT_EQ(Validate(Defaulted("{apiVersion: v1, kind: Service, metadata: {name: 1s}, spec: "
                               "{clusterIP: None}}"))
                .size(),
            1u);
}

TEST(ValidateNode, Taints) {
  Check({
      {"fine",
       "{apiVersion: v1, kind: Node, metadata: {name: n.example}, spec: {taints: [{key: a, "
       "effect: NoSchedule}, {key: a, effect: NoExecute}]}}",
       {}},
      {"twice",
       "{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {taints: [{key: a, effect: "
       "NoSchedule}, {key: a, value: b, effect: NoSchedule}]}}",
       {"spec.taints[1]: Duplicate value: \"a:NoSchedule\""}},
      {"without effect",
       "{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {taints: [{key: a}]}}",
       {"spec.taints[0].effect: Required value"}},
      {"namespace on a node",
       "{apiVersion: v1, kind: Node, metadata: {name: node-1, namespace: x}}",
       {"metadata.namespace: Forbidden: not allowed on this type"}},
  });
}

TEST(ValidateNamespace, NameIsALabel) {
  EXPECT_EQ(Validate(Defaulted("{apiVersion: v1, kind: Namespace, metadata: {name: a.b}}")).size(),
            1u);
  EXPECT_THAT(Validate(Defaulted("{apiVersion: v1, kind: Namespace, metadata: {name: a-b}}")),
              IsEmpty());
}

TEST(ValidateServiceAccount, PullSecretsHaveNames) {
  Check({{"no name",
          "{apiVersion: v1, kind: ServiceAccount, metadata: {name: s}, imagePullSecrets: [{}]}",
          {"imagePullSecrets[0].name: Required value"}}});
}

TEST(ValidateUpdate, ImmutableConfigurationStaysAsItIs) {
  const std::string map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, ";
  CheckUpdate("becoming immutable", map + "data: {a: x}}", map + "immutable: true, data: {a: z}}",
              {});
  CheckUpdate("labels may change", map + "immutable: true, data: {a: x}}",
              "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {a: b}}, immutable: "
              "true, data: {a: x}}",
              {});
  CheckUpdate("data and the mark", map + "immutable: true, data: {a: x}}",
              map + "immutable: false, data: {a: z}}",
              {"immutable: Forbidden: field is immutable when `immutable` is set",
               "data: Forbidden: field is immutable when `immutable` is set"});
  CheckUpdate("binary data", map + "immutable: true}",
              map + "immutable: true, binaryData: {a: AA==}}",
              {"binaryData: Forbidden: field is immutable when `immutable` is set"});
  const std::string secret = "{apiVersion: v1, kind: Secret, metadata: {name: s}, ";
  CheckUpdate("secret", secret + "immutable: true, stringData: {a: x}}",
              secret + "immutable: true, stringData: {a: z}}",
              {"data: Forbidden: field is immutable when `immutable` is set"});
  CheckUpdate("type of a secret", secret + "type: a}", secret + "type: b}",
              {"type: Invalid value: \"b\": field is immutable"});
}

TEST(ValidateUpdate, MarkOfAMirrorStays) {
  const auto pod = [](const std::string& annotations) {
    return "{apiVersion: v1, kind: Pod, metadata: {name: p, annotations: {" + annotations +
           "}}, spec: {containers: [{name: c, image: i}]}}";
  };
  const std::string mark = "kubernetes.io/config.mirror: ";
  CheckUpdate("others may change", pod(mark + "h"), pod(mark + "h, a: b"), {});
  CheckUpdate("taken off", pod(mark + "h"), pod("a: b"),
              {"metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"\": field is "
               "immutable"});
  CheckUpdate("put on", pod("a: b"), pod(mark + "h"),
              {"metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"h\": field is "
               "immutable"});
}

// The sandbox was made with port mappings or without.
TEST(ValidateUpdate, ZeroGapOfAPodStays) {
  const auto pod = [](const std::string& annotations) {
    return "{apiVersion: v1, kind: Pod, metadata: {name: p, annotations: {" + annotations +
           "}}, spec: {containers: [{name: c, image: i}]}}";
  };
  const std::string mark = "muster.dev/zero-gap: ";
  CheckUpdate("others may change", pod(mark + "'true'"), pod(mark + "'true', a: b"), {});
  CheckUpdate("turned off", pod(mark + "'true'"), pod(mark + "'false'"),
              {"metadata.annotations[muster.dev/zero-gap]: Invalid value: \"false\": field is "
               "immutable"});
  CheckUpdate("taken off", pod(mark + "'true'"), pod("a: b"),
              {"metadata.annotations[muster.dev/zero-gap]: Invalid value: \"\": field is "
               "immutable"});
  CheckUpdate("put on", pod("a: b"), pod(mark + "'true'"),
              {"metadata.annotations[muster.dev/zero-gap]: Invalid value: \"true\": field is "
               "immutable"});
}

TEST(ValidateUpdate, ValueOfAPriorityClassStays) {
  const std::string head =
      "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, value: ";
  CheckUpdate("value", head + "1}", head + "2}",
              {"value: Forbidden: may not be changed in an update."});
  CheckUpdate("policy", head + "1}", head + "1, preemptionPolicy: Never}",
              {"preemptionPolicy: Invalid value: \"Never\": field is immutable"});
}

TEST(ValidateUpdate, ANodeKeepsItsSubnets) {
  v1::Object stored, updated;
  stored.mutable_node()->mutable_metadata()->set_name("node-1");
  updated = stored;
  updated.mutable_node()->mutable_spec()->add_pod_cidrs("10.244.1.0/24");
  EXPECT_THAT(Texts(ValidateUpdate(updated, stored)), IsEmpty());
  EXPECT_THAT(Texts(ValidateUpdate(updated, updated)), IsEmpty());
  EXPECT_THAT(Texts(ValidateUpdate(stored, updated)),
              ElementsAre("spec.podCIDRs: Forbidden: node updates may not change podCIDR except "
                          "from \"\" to valid"));
}

TEST(ValidateUpdate, RevisionsKeepTheirData) {
  CheckUpdate("data",
              "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: r}, revision: 1, "
              "data: {a: 1}}",
              "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: r}, revision: 2, "
              "data: {a: 2}}",
              {"data: Invalid value: {\"a\":2}: field is immutable"});
}

TEST(ValidateUpdate, OfAPodChangesImagesAndAddsTolerationsOnly) {
  auto pod = [](const std::string& fields) {
    return "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {" + fields + "}}";
  };
  const std::string stored =
      pod("containers: [{name: a, image: 'x:1'}], tolerations: [{key: a, operator: Exists}]");
  const std::string forbidden =
      "spec: Forbidden: pod updates may not change fields other than "
      "`spec.containers[*].image`,`spec.initContainers[*].image`,"
      "`spec.containers[*].resources` (cpu and memory),`spec.activeDeadlineSeconds`,"
      "`spec.tolerations` (only additions to existing tolerations)";
  CheckUpdate("image", stored,
              pod("containers: [{name: a, image: 'x:2'}], tolerations: [{key: a, operator: "
                  "Exists}]"),
              {});
  CheckUpdate("deadline and a further toleration", stored,
              pod("activeDeadlineSeconds: 5, containers: [{name: a, image: 'x:1'}], tolerations: "
                  "[{key: b, operator: Exists}, {key: a, operator: Exists}]"),
              {});
  CheckUpdate("toleration removed", stored, pod("containers: [{name: a, image: 'x:1'}]"),
              {forbidden});
  CheckUpdate("command", stored,
              pod("containers: [{name: a, image: 'x:1', command: [b]}], tolerations: [{key: a, "
                  "operator: Exists}]"),
              {forbidden});
  CheckUpdate("another container", stored,
              pod("containers: [{name: a, image: 'x:1'}, {name: b, image: 'x:1'}], tolerations: "
                  "[{key: a, operator: Exists}]"),
              {forbidden});
}

// Spec: pod/24/resize
TEST(ValidateUpdate, ResourcesOfAPodChangeInPlaceWithinTheirClass) {
  const auto pod = [](const std::string& resources, const std::string& policy = "[]") {
    return "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a, image: "
           "'x:1', resources: " +
           resources + ", resizePolicy: " + policy + "}]}}";
  };
  const std::string stored =
      pod("{requests: {cpu: 100m, memory: 16Mi}, limits: {cpu: 200m, memory: 32Mi}}");
  const std::string limits = "spec.containers[0].resources.limits";
  CheckUpdate("more of both", stored,
              pod("{requests: {cpu: 150m, memory: 32Mi}, limits: {cpu: 1, memory: 64Mi}}"), {});
  CheckUpdate("less cpu", stored,
              pod("{requests: {cpu: 50m, memory: 16Mi}, limits: {cpu: 100m, memory: 32Mi}}"), {});
  CheckUpdate(
      "less memory", stored,
      pod("{requests: {cpu: 100m, memory: 16Mi}, limits: {cpu: 200m, memory: 16Mi}}"),
      {limits + "[memory]: Forbidden: memory limits cannot be decreased unless resizePolicy "
                "is RestartContainer"});
  const std::string restart = "[{resourceName: memory, restartPolicy: RestartContainer}]";
  CheckUpdate("less memory by a restart",
              pod("{requests: {cpu: 100m, memory: 8Mi}, limits: {memory: 32Mi}}", restart),
              pod("{requests: {cpu: 100m, memory: 8Mi}, limits: {memory: 16Mi}}", restart), {});
  CheckUpdate("a limit less", stored,
              pod("{requests: {cpu: 100m, memory: 16Mi}, limits: {memory: 32Mi}}"),
              {limits + ": Forbidden: resource limits cannot be removed"});
  CheckUpdate("another class", stored,
              pod("{requests: {cpu: 200m, memory: 32Mi}, limits: {cpu: 200m, memory: 32Mi}}"),
              {"spec: Invalid value: \"Guaranteed\": Pod QOS Class may not change as a result of "
               "resizing"});
  CheckUpdate("something else", stored,
              pod("{requests: {cpu: 100m, memory: 16Mi, ephemeral-storage: 1Gi}, limits: {cpu: "
                  "200m, memory: 32Mi}}"),
              {"spec.containers[0].resources.requests[ephemeral-storage]: Forbidden: only cpu and "
               "memory resources are mutable"});
}

TEST(ValidateUpdate, IdentityStays) {
  v1::Object stored = Defaulted("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}");
  stored.mutable_config_map()->mutable_metadata()->set_uid("1");
  v1::Object updated = stored;
  updated.mutable_config_map()->mutable_metadata()->set_uid("2");
  updated.mutable_config_map()->mutable_metadata()->set_name("d");
  EXPECT_THAT(Texts(ValidateUpdate(updated, stored)),
              ElementsAre("metadata.name: Invalid value: \"d\": field is immutable",
                          "metadata.uid: Invalid value: \"2\": field is immutable"));
}

}  // namespace
}  // namespace muster::coordinator
