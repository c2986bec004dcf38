#include "coordinator/admission/defaults.h"

#include <string>

#include "common/manifest/encode.h"
#include "common/model/semantic_equal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

v1::Object Defaulted(v1::Object object) {
  SetDefaults(object);
  return object;
}

// Compared as text, so that a failure shows what differs.
void ExpectDefaults(std::string_view yaml, std::string_view expected) {
  const v1::Object object = Defaulted(FromYaml(yaml));
  EXPECT_EQ(manifest::EncodeYaml(object), manifest::EncodeYaml(FromYaml(expected)));
}

// Spec: 8.1/daemonset, 8.1/nothing-derived, 8.2/policies, 8.2/grace-and-security, 8.2/pull-policy
// Spec: 8.2/termination-message, 8.2/port-protocol, 8.2/topology-spread
// Spec: pod/1/grace, pod/2/pod, pod/2/termination-message, pod/2/port-protocol
TEST(Defaults, OfADaemonSetAreThoseOfTheApiServer) {
  ExpectDefaults(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: nginx
        ports: [{containerPort: 80}]
)",
                 R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: default}
spec:
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  updateStrategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 1, maxSurge: 0}
  template:
    metadata: {labels: {app: web}}
    spec:
      restartPolicy: Always
      dnsPolicy: ClusterFirst
      schedulerName: default-scheduler
      terminationGracePeriodSeconds: 30
      securityContext: {}
      containers:
      - name: main
        image: nginx
        imagePullPolicy: Always
        terminationMessagePath: /dev/termination-log
        terminationMessagePolicy: File
        ports: [{containerPort: 80, protocol: TCP}]
)");
}

TEST(Defaults, DoNotTouchWhatIsSet) {
  const std::string yaml = R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: kube-system}
spec:
  revisionHistoryLimit: 0
  selector: {matchLabels: {app: web}}
  updateStrategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 10%}
  template:
    metadata: {labels: {app: web}}
    spec:
      restartPolicy: Never
      dnsPolicy: Default
      schedulerName: mine
      terminationGracePeriodSeconds: 0
      securityContext: {runAsUser: 0}
      serviceAccountName: a
      serviceAccount: a
      containers:
      - name: main
        image: nginx
        imagePullPolicy: Never
        terminationMessagePath: /log
        terminationMessagePolicy: FallbackToLogsOnError
        ports: [{containerPort: 80, protocol: UDP}]
        livenessProbe:
          httpGet: {path: /x, port: 1, scheme: HTTPS}
          timeoutSeconds: 2
          periodSeconds: 3
          successThreshold: 4
          failureThreshold: 5
      volumes:
      - {name: a, hostPath: {path: /a, type: Directory}}
      - {name: b, secret: {secretName: s, defaultMode: 0}}
)";
  ExpectDefaults(yaml, yaml);
}

// Spec: 8.1/on-delete
TEST(Defaults, OnDeleteGetsNoRollingUpdateBlock) {
  v1::Object object = MinimalDaemonSet();
  object.mutable_daemon_set()->mutable_spec()->mutable_update_strategy()->set_type("OnDelete");
  SetDefaults(object);
  EXPECT_FALSE(object.daemon_set().spec().update_strategy().has_rolling_update());
}

// Spec: 8.2/service-account, 8.2/pull-policy, 8.2/probe-numbers, 8.2/handlers, 8.2/field-ref
// Spec: 8.2/empty-volume, 8.2/default-mode, 8.2/token-and-host-path
// Spec: pod/2/probe-numbers, pod/2/handlers, pod/2/default-mode, pod/2/token-expiration
// Spec: pod/2/host-path-and-field-ref, pod/2/no-source
TEST(Defaults, OfAnyKindOfSourceProbeAndHandler) {
  v1::Object object = Defaulted(FromYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccount: old-name
      initContainers:
      - name: init
        image: busybox:1
      containers:
      - name: main
        image: nginx:1
        env:
        - {name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        livenessProbe: {httpGet: {port: 80}}
        readinessProbe: {grpc: {port: 80}}
        startupProbe: {exec: {command: [a]}}
        lifecycle:
          postStart: {httpGet: {port: 80}}
          preStop: {httpGet: {port: 80}}
      volumes:
      - name: nothing
      - {name: host, hostPath: {path: /a}}
      - {name: secret, secret: {secretName: s}}
      - {name: config, configMap: {name: c}}
      - {name: down, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.name}}]}}
      - name: all
        projected:
          sources:
          - downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.name}}]}
          - serviceAccountToken: {path: t}
)"));
  const v1::PodSpec& spec = object.daemon_set().spec().template_().spec();
  EXPECT_EQ(spec.service_account_name(), "old-name");
  EXPECT_EQ(spec.init_containers(0).image_pull_policy(), "IfNotPresent");
  const v1::Container& main = spec.containers(0);
  EXPECT_EQ(main.env(0).value_from().field_ref().api_version(), "v1");
  EXPECT_EQ(main.liveness_probe().timeout_seconds(), 1);
  EXPECT_EQ(main.liveness_probe().period_seconds(), 10);
  EXPECT_EQ(main.liveness_probe().success_threshold(), 1);
  EXPECT_EQ(main.liveness_probe().failure_threshold(), 3);
  EXPECT_EQ(main.liveness_probe().initial_delay_seconds(), 0);
  EXPECT_EQ(main.liveness_probe().http_get().path(), "/");
  EXPECT_EQ(main.liveness_probe().http_get().scheme(), "HTTP");
  EXPECT_TRUE(main.readiness_probe().grpc().has_service());
  EXPECT_EQ(main.startup_probe().failure_threshold(), 3);
  EXPECT_EQ(main.lifecycle().post_start().http_get().path(), "/");
  EXPECT_EQ(main.lifecycle().pre_stop().http_get().scheme(), "HTTP");
  EXPECT_TRUE(spec.volumes(0).has_empty_dir());
  EXPECT_TRUE(spec.volumes(1).host_path().has_type());
  EXPECT_EQ(spec.volumes(2).secret().default_mode(), 0644);
  EXPECT_EQ(spec.volumes(3).config_map().default_mode(), 0644);
  EXPECT_EQ(spec.volumes(4).downward_api().default_mode(), 0644);
  EXPECT_EQ(spec.volumes(4).downward_api().items(0).field_ref().api_version(), "v1");
  const v1::ProjectedVolumeSource& all = spec.volumes(5).projected();
  EXPECT_EQ(all.default_mode(), 0644);
  EXPECT_EQ(all.sources(0).downward_api().items(0).field_ref().api_version(), "v1");
  EXPECT_EQ(all.sources(1).service_account_token().expiration_seconds(), 3600);
}

// Spec: 8.2/service-account
TEST(Defaults, TheNewerNameOfTheServiceAccountWins) {
  v1::Object object = MinimalDaemonSet();
  v1::PodSpec& spec =
      *object.mutable_daemon_set()->mutable_spec()->mutable_template_()->mutable_spec();
  spec.set_service_account("old");
  spec.set_service_account_name("new");
  SetDefaults(object);
  EXPECT_EQ(spec.service_account(), "new");
  EXPECT_EQ(spec.service_account_name(), "new");
}

// Spec: 8.2/quantities
TEST(Defaults, QuantitiesBecomeCanonicalAndAreRoundedUp) {
  v1::Object object = MinimalDaemonSet();
  v1::PodSpec& spec =
      *object.mutable_daemon_set()->mutable_spec()->mutable_template_()->mutable_spec();
  auto& limits = *spec.mutable_containers(0)->mutable_resources()->mutable_limits();
  limits["cpu"].set_text("1000m");
  limits["memory"].set_text("1024Mi");
  limits["ephemeral-storage"].set_text("0.1m");
  limits["acme/device"].set_text("not an amount");
  v1::Volume& volume = *spec.add_volumes();
  volume.mutable_empty_dir()->mutable_size_limit()->set_text("1.5Gi");
  SetDefaults(object);
  const auto& stored = spec.containers(0).resources().limits();
  EXPECT_EQ(stored.at("cpu").text(), "1");
  EXPECT_EQ(stored.at("memory").text(), "1Gi");
  EXPECT_EQ(stored.at("ephemeral-storage").text(), "1m");
  EXPECT_EQ(stored.at("acme/device").text(), "not an amount");
  EXPECT_EQ(volume.empty_dir().size_limit().text(), "1536Mi");
}

// Spec: 8.3/requests-from-limits, 8.3/host-ports, 8.3/links-and-account
// Spec: pod/2/pod, pod/2/host-network-ports, pod/2/requests
TEST(Defaults, PodLevelOnesAreInNoTemplate) {
  const std::string spec = R"(
      hostNetwork: true
      containers:
      - name: main
        image: nginx:1
        ports: [{containerPort: 80}, {containerPort: 90, hostPort: 90}]
        resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: "0"}}
      initContainers:
      - {name: init, image: busybox:1, resources: {limits: {cpu: 2}}}
)";
  const v1::Object daemon_set = Defaulted(FromYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:)" + spec));
  const v1::PodSpec& in_template = daemon_set.daemon_set().spec().template_().spec();
  EXPECT_EQ(in_template.containers(0).ports(0).host_port(), 0);
  EXPECT_EQ(in_template.containers(0).resources().requests_size(), 1);
  EXPECT_FALSE(in_template.has_enable_service_links());
  EXPECT_EQ(in_template.service_account_name(), "");

  const v1::Object pod = Defaulted(FromYaml(R"(
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:)" + spec));
  const v1::PodSpec& in_pod = pod.pod().spec();
  EXPECT_EQ(in_pod.containers(0).ports(0).host_port(), 80);
  EXPECT_EQ(in_pod.containers(0).resources().requests().at("memory").text(), "1Gi");
  EXPECT_EQ(in_pod.containers(0).resources().requests().at("cpu").text(), "0") << "explicit";
  EXPECT_EQ(in_pod.init_containers(0).resources().requests().at("cpu").text(), "2");
  EXPECT_TRUE(in_pod.enable_service_links());
  EXPECT_EQ(in_pod.service_account_name(), "default");
  EXPECT_EQ(in_pod.service_account(), "default");
}

TEST(Defaults, PortsKeepTheirHostPortWithoutHostNetwork) {
  v1::PodSpec spec;
  spec.add_containers()->add_ports()->set_container_port(80);
  SetPodLevelDefaults(spec);
  EXPECT_EQ(spec.containers(0).ports(0).host_port(), 0);
}

TEST(Defaults, StringDataOfASecretWinsAndIsNotStored) {
  const v1::Object object = Defaulted(FromYaml(R"(
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {a: b2xk, b: b2xk}
stringData: {a: new}
)"));
  EXPECT_EQ(object.secret().type(), "Opaque");
  EXPECT_EQ(object.secret().data().at("a"), "new");
  EXPECT_EQ(object.secret().data().at("b"), "old");
  EXPECT_TRUE(object.secret().string_data().empty());
}

TEST(Defaults, OfTheOtherKinds) {
  ExpectDefaults(
      "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 80}]}}",
      "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: default}, spec: {type: "
      "ClusterIP, sessionAffinity: None, internalTrafficPolicy: Cluster, ports: [{port: 80, "
      "protocol: TCP, targetPort: 80}]}}");
  ExpectDefaults("{apiVersion: v1, kind: Namespace, metadata: {name: ns}}",
                 "{apiVersion: v1, kind: Namespace, metadata: {name: ns, labels: "
                 "{kubernetes.io/metadata.name: ns}}}");
  ExpectDefaults(
      "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, value: 1}",
      "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, value: 1, "
      "preemptionPolicy: PreemptLowerPriority}");
  ExpectDefaults("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}",
                 "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: default}}");
}

}  // namespace
}  // namespace muster::coordinator
