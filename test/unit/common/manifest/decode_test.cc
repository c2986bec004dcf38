#include "common/manifest/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/model/kinds.h"
#include "test/unit/common/manifest/helpers.h"

namespace muster::manifest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string DaemonSet(std::string_view below_spec) {
  return "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: web}\nspec:\n" +
         std::string(below_spec);
}

// Spec: pod/2/octal-modes
TEST(Decode, ADaemonSetArrivesWhole) {
  const Decoded decoded = DecodeManifest("f", R"(
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: web
  labels: {app: web, "on": "yes"}
spec:
  selector: {matchLabels: {app: web}}
  updateStrategy:
    rollingUpdate: {maxUnavailable: 10%, maxSurge: 0}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostPID: true
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: example/web
        ports: [{containerPort: 80, hostIP: 127.0.0.1}]
        resources: {limits: {cpu: 0.5, memory: 64Mi}}
        livenessProbe: {httpGet: {port: http}}
      volumes:
      - name: settings
        configMap: {name: settings, defaultMode: 0644}
)");
  EXPECT_THAT(decoded.diagnostics, IsEmpty());
  ASSERT_EQ(decoded.documents.size(), 1U);
  const v1::DaemonSet& set = decoded.documents[0].object.daemon_set();
  EXPECT_EQ(set.api_version(), "apps/v1");
  EXPECT_EQ(set.metadata().labels().at("on"), "yes");
  EXPECT_EQ(set.spec().update_strategy().rolling_update().max_unavailable().string_value(), "10%");
  EXPECT_EQ(set.spec().update_strategy().rolling_update().max_surge().int_value(), 0);
  const v1::PodSpec& pod = set.spec().template_().spec();
  EXPECT_TRUE(pod.host_pid());
  EXPECT_TRUE(pod.has_termination_grace_period_seconds()) << "a zero that was written stays";
  EXPECT_EQ(pod.containers(0).ports(0).host_ip(), "127.0.0.1");
  EXPECT_EQ(pod.containers(0).resources().limits().at("cpu").text(), "0.5");
  EXPECT_EQ(pod.containers(0).liveness_probe().http_get().port().string_value(), "http");
  EXPECT_EQ(pod.volumes(0).config_map().default_mode(), 0644);
}

TEST(Decode, EveryProblemIsReportedWithPlacePathAndWhatWasMeant) {
  EXPECT_THAT(
      FindingsOf(R"(apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: 8080
  labels: {app: true}
spec:
  minReadySeconds: "5"
  template:
    containers: []
    spec:
      hostNetwork: "true"
      nodeSelector: [a]
      tolerations: {key: a}
      conatiners: []
      containers:
      - name: web
        image: [x]
        volumes: []
        env: [{name: PORT, value: 8080}]
        ports: [{hostport: 80, containerPort: 99999999999}, {containerPort: 1.5}]
        resources: {limits: {cpu: 1 Gi, memory: true}}
        securityContext: {runAsUser: ~}
        livenessProbe: {httpGet: {port: 1.5}}
)"),
      ElementsAre(
          "f:4:9: error: metadata.name: expected string, found number 8080 (quote it)",
          "f:5:17: error: metadata.labels[app]: expected string, found boolean true "
          "(quote it)",
          "f:7:20: error: spec.minReadySeconds: expected integer, found string \"5\" "
          "(remove the quotes)",
          "f:9:5: error: spec.template.containers: unknown field \"containers\", it belongs "
          "into spec.template.spec",
          "f:11:20: error: spec.template.spec.hostNetwork: expected boolean, found string "
          "\"true\" (remove the quotes)",
          "f:12:21: error: spec.template.spec.nodeSelector: expected mapping, found list",
          "f:13:20: error: spec.template.spec.tolerations: expected list, found mapping "
          "(start each item with \"- \")",
          "f:14:7: error: spec.template.spec.conatiners: unknown field \"conatiners\", did "
          "you mean \"containers\"?",
          "f:17:16: error: spec.template.spec.containers[0].image: expected string, found "
          "list",
          "f:18:9: error: spec.template.spec.containers[0].volumes: unknown field "
          "\"volumes\", it belongs into spec.template.spec",
          "f:19:35: error: spec.template.spec.containers[0].env[0].value: expected string, "
          "found number 8080 (quote it)",
          "f:20:18: error: spec.template.spec.containers[0].ports[0].hostport: unknown "
          "field \"hostport\", did you mean \"hostPort\"?",
          "f:20:47: error: spec.template.spec.containers[0].ports[0].containerPort: "
          "expected integer between -2147483648 and 2147483647, found number 99999999999",
          "f:20:77: error: spec.template.spec.containers[0].ports[1].containerPort: "
          "expected integer, found number 1.5",
          "f:21:35: error: spec.template.spec.containers[0].resources.limits[cpu]: \"1 "
          "Gi\": quantities must match the regular expression "
          "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
          "f:21:49: error: spec.template.spec.containers[0].resources.limits[memory]: "
          "expected quantity, found boolean true",
          "f:23:41: error: spec.template.spec.containers[0].livenessProbe.httpGet.port: "
          "expected integer or string, found number 1.5"));
}

TEST(Decode, RepeatedKeysNameBothLines) {
  EXPECT_THAT(
      FindingsOf(DaemonSet("  minReadySeconds: 1\n  minReadySeconds: 2\n"
                           "  selector: {matchLabels: {a: b, a: c}}\n")),
      ElementsAre("f:6:3: error: spec.minReadySeconds: the key \"minReadySeconds\" occurs "
                  "twice, in line 5 and in line 6",
                  "f:7:34: error: spec.selector.matchLabels[a]: the key \"a\" occurs twice, "
                  "in line 7 and in line 7"));
}

TEST(Decode, WhatIsMergedAndOverriddenDoesNotOccurTwice) {
  const Decoded decoded =
      DecodeManifest("f",
                     "apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: &l {a: one, b: two}}\n"
                     "data: {<<: *l, a: three}\n");
  EXPECT_THAT(decoded.diagnostics, IsEmpty());
  ASSERT_EQ(decoded.documents.size(), 1U);
  EXPECT_EQ(decoded.documents[0].object.config_map().data().at("a"), "three");
  EXPECT_EQ(decoded.documents[0].object.config_map().data().at("b"), "two");
}

TEST(Decode, NullMeansUnset) {
  const Decoded decoded = DecodeManifest(
      "f",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: null, annotations: {b: }}\n"
      "immutable: ~\ndata: {key: }\n");
  EXPECT_THAT(decoded.diagnostics, IsEmpty());
  ASSERT_EQ(decoded.documents.size(), 1U);
  const v1::ConfigMap& map = decoded.documents[0].object.config_map();
  EXPECT_FALSE(map.has_immutable());
  EXPECT_EQ(map.data().at("key"), "") << "an entry of a map is there even without a value";
  EXPECT_EQ(map.metadata().annotations().at("b"), "");
}

TEST(Decode, AListItemCannotBeNull) {
  EXPECT_THAT(FindingsOf(DaemonSet("  template:\n    spec:\n      containers:\n      -\n")),
              ElementsAre("f:9:1: error: spec.template.spec.containers[0]: expected mapping, found "
                          "nothing"));
}

TEST(Decode, BytesAreBase64AndNeverShown) {
  const std::string head = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";
  const Decoded good =
      DecodeManifest("f", head + "data:\n  a: AAEC\n  b: |\n    aGVs\n    bG8=\n  c: \"\"\n");
  EXPECT_THAT(good.diagnostics, IsEmpty());
  ASSERT_EQ(good.documents.size(), 1U);
  const auto& data = good.documents[0].object.secret().data();
  EXPECT_EQ(data.at("a"), std::string("\0\1\2", 3));
  EXPECT_EQ(data.at("b"), "hello");
  EXPECT_EQ(data.at("c"), "");

  EXPECT_THAT(
      FindingsOf(head + "data: {a: hunter2!, b: abc, c: 1234, d: YWJj=}\nstringData: {e: 4321}\n"),
      ElementsAre("f:4:11: error: data[a]: expected base64, found another character at place 8 "
                  "(plain text belongs into stringData)",
                  "f:4:24: error: data[b]: expected base64, found a text of the wrong length or "
                  "padding (plain text belongs into stringData)",
                  "f:4:32: error: data[c]: expected string in base64, found number",
                  "f:4:41: error: data[d]: expected base64, found a text of the wrong length or "
                  "padding (plain text belongs into stringData)",
                  "f:5:17: error: stringData[e]: expected string, found number (quote it)"));
}

TEST(Decode, TimesAreChecked) {
  const std::string head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";
  EXPECT_THAT(FindingsOf(head + "  creationTimestamp: 2026-01-31T09:15:00Z\n"), IsEmpty());
  EXPECT_THAT(FindingsOf(head + "  creationTimestamp: yesterday\n"),
              ElementsAre("f:5:22: error: metadata.creationTimestamp: expected time such as "
                          "\"2026-01-31T09:15:00Z\", found string \"yesterday\""));
}

TEST(Decode, DocumentsAndListsAreTakenApartInOrder) {
  const Decoded decoded = DecodeManifest("f", R"(# nothing
---
---
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: one}
- apiVersion: v1
  kind: ConfigMapList
  items:
  - metadata: {name: two}
  - metadata: {name: three}
---
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "four"}}
)");
  EXPECT_THAT(decoded.diagnostics, IsEmpty());
  std::vector<std::string> names;
  for (const Document& document : decoded.documents) {
    names.push_back(model::QualifiedName(document.object));
  }
  EXPECT_THAT(names,
              ElementsAre("namespace/one", "configmap/two", "configmap/three", "namespace/four"));
  EXPECT_EQ(decoded.documents[2].source.Find("metadata.name").line, 15);
}

TEST(Decode, JsonTextsMayFollowEachOther) {
  const std::string text =
      "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\n\t\"metadata\":{\"name\":\"a\\/b\"}}\n"
      "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"nam\":\"b\"}}\n";
  const Decoded decoded = DecodeManifest("f", text);
  ASSERT_EQ(decoded.documents.size(), 1U);
  EXPECT_EQ(decoded.documents[0].object.namespace_object().metadata().name(), "a/b");
  EXPECT_THAT(FindingsOf(text), ElementsAre("f:3:51: error: metadata.nam: unknown field \"nam\", "
                                            "did you mean \"name\"?"));
}

TEST(Decode, BrokenJsonIsReportedInTermsOfJsonAndFlowYamlIsRead) {
  EXPECT_THAT(FindingsOf("{\"apiVersion\": \"v1\",,}"),
              ElementsAre("f:1:21: error: expected a key in double quotes"));
  EXPECT_THAT(FindingsOf("{apiVersion: v1, kind: Namespace, metadata: {name: a}}"), IsEmpty());
}

TEST(Decode, WhatIsNoObjectIsAnError) {
  EXPECT_THAT(FindingsOf("a: b\n"),
              ElementsAre("f:1:1: error: apiVersion: this is missing, so the document is no object",
                          "f:1:1: error: kind: this is missing, so the document is no object"));
  EXPECT_THAT(FindingsOf("apiVersion: v1\nkind: 7\n"),
              ElementsAre("f:2:7: error: kind: expected string"));
  EXPECT_THAT(FindingsOf("- a\n"), ElementsAre("f:1:1: error: expected an object with apiVersion "
                                               "and kind, found something else"));
  EXPECT_THAT(FindingsOf("just a text\n"),
              ElementsAre("f:1:1: error: expected an object with apiVersion and kind, found "
                          "something else"));
}

TEST(Decode, KindsOfOthersAreSkippedOrErrorsWhenStrict) {
  const std::string role =
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\n"
      "rules: [{verbs: 1}]\n---\napiVersion: apps/v1\nkind: Deployment\nspec: {a: 1}\n";
  EXPECT_THAT(
      FindingsOf(role),
      ElementsAre("f:1:1: skipped: ClusterRole (rbac.authorization.k8s.io/v1) \"reader\" is "
                  "of a kind Muster does not run",
                  "f:6:1: skipped: Deployment (apps/v1) is of a kind Muster does not run"));
  DecodeOptions strict;
  strict.strict = true;
  EXPECT_THAT(FindingsOf(role, strict).front(), testing::HasSubstr("f:1:1: error: ClusterRole"));
}

TEST(Decode, ASlipInTheKindIsNotSkipped) {
  EXPECT_THAT(FindingsOf("apiVersion: apps/v1\nkind: Daemonset\n"),
              ElementsAre("f:2:7: error: kind: unknown kind \"Daemonset\", did you mean "
                          "\"DaemonSet\"?"));
  EXPECT_THAT(FindingsOf("apiVersion: v1\nkind: ConfgMap\n"),
              ElementsAre("f:2:7: error: kind: unknown kind \"ConfgMap\", did you mean "
                          "\"ConfigMap\"?"));
  EXPECT_THAT(FindingsOf("apiVersion: v1\nkind: DaemonSet\n"),
              ElementsAre("f:1:13: error: apiVersion: there is no DaemonSet of version v1, did you "
                          "mean apps/v1?"));
  EXPECT_THAT(
      FindingsOf("apiVersion: apps/v2\nkind: DaemonSet\n"),
      ElementsAre("f:1:13: error: apiVersion: there is no DaemonSet of version apps/v2, did "
                  "you mean apps/v1?"));
}

TEST(Decode, AnUnknownVersionOfOurOwnGroupIsAnError) {
  EXPECT_THAT(FindingsOf("apiVersion: scheduling.k8s.io/v2\nkind: PriorityClass\n"),
              ElementsAre("f:1:13: error: apiVersion: there is no PriorityClass of version "
                          "scheduling.k8s.io/v2, did you mean scheduling.k8s.io/v1?"));
}

TEST(Decode, KindsOfOtherGroupsMayShareOurNames) {
  for (const char* text :
       {"apiVersion: serving.knative.dev/v1\nkind: Service\n",
        "apiVersion: apps/v1\nkind: ReplicaSet\n", "apiVersion: v1\nkind: ResourceQuota\n",
        "apiVersion: v1\nkind: LimitRange\n", "apiVersion: v1\nkind: PodTemplate\n"}) {
    EXPECT_THAT(FindingsOf(text), ElementsAre(testing::HasSubstr("skipped"))) << text;
  }
}

TEST(Decode, OldDaemonSetsAreConvertedAsTheirVersionMeantThem) {
  const std::string rest =
      "kind: DaemonSet\nmetadata: {name: web}\nspec:\n  templateGeneration: 3\n"
      "  template: {metadata: {labels: {app: web}}}\n";
  const Decoded extensions = DecodeManifest("f", "apiVersion: extensions/v1beta1\n" + rest);
  ASSERT_EQ(extensions.documents.size(), 1U);
  const v1::DaemonSet& set = extensions.documents[0].object.daemon_set();
  EXPECT_EQ(set.api_version(), "apps/v1");
  EXPECT_EQ(set.spec().selector().match_labels().at("app"), "web");
  EXPECT_EQ(set.spec().update_strategy().type(), "OnDelete");
  EXPECT_THAT(FindingsOf("apiVersion: extensions/v1beta1\n" + rest),
              ElementsAre("f:1:13: warning: apiVersion: apiVersion extensions/v1beta1 is read as "
                          "apps/v1, spec.selector is taken from the labels of the template, "
                          "spec.updateStrategy.type is OnDelete as it was the default then"));

  const Decoded apps = DecodeManifest("f", "apiVersion: apps/v1beta2\n" + rest);
  ASSERT_EQ(apps.documents.size(), 1U);
  EXPECT_FALSE(apps.documents[0].object.daemon_set().spec().has_selector());
  EXPECT_FALSE(apps.documents[0].object.daemon_set().spec().has_update_strategy());

  const Decoded chosen = DecodeManifest(
      "f",
      "apiVersion: extensions/v1beta1\n" + rest +
          "  selector: {matchLabels: {other: one}}\n  updateStrategy: {type: RollingUpdate}\n");
  ASSERT_EQ(chosen.documents.size(), 1U);
  EXPECT_EQ(chosen.documents[0].object.daemon_set().spec().selector().match_labels().count("app"),
            0U);
  EXPECT_EQ(chosen.documents[0].object.daemon_set().spec().update_strategy().type(),
            "RollingUpdate");
}

TEST(Decode, TodaysDaemonSetHasNoTemplateGeneration) {
  EXPECT_THAT(FindingsOf(DaemonSet("  templateGeneration: 3\n")),
              ElementsAre(testing::HasSubstr("unknown field \"templateGeneration\"")));
}

TEST(Decode, ADocumentWithErrorsIsNotHandedOutButOthersAre) {
  const Decoded decoded =
      DecodeManifest("f",
                     "apiVersion: v1\nkind: Namespace\nmetadata: {name: 1}\n---\n"
                     "apiVersion: v1\nkind: Namespace\nmetadata: {name: ok}\n---\n[\n");
  EXPECT_TRUE(HasErrors(decoded.diagnostics));
  EXPECT_EQ(decoded.diagnostics.size(), 2U);
  ASSERT_EQ(decoded.documents.size(), 1U);
  EXPECT_EQ(decoded.documents[0].object.namespace_object().metadata().name(), "ok");
}

TEST(Decode, TextsThatAreTooLongOrNotUtf8AreRefused) {
  DecodeOptions options;
  options.limits.bytes_max = 10;
  EXPECT_THAT(FindingsOf("a: 34567890", options),
              ElementsAre("f: error: the text has 11 bytes, more than 10 are not read"));
  EXPECT_THAT(FindingsOf("a: b\nc: \xff\n"), ElementsAre("f:2:4: error: the text is not UTF-8"));
  EXPECT_THAT(FindingsOf("\xEF\xBB\xBF# comment\n"), IsEmpty());
}

TEST(Decode, FindingsAreBoundedInNumber) {
  std::string text = "apiVersion: v1\nkind: Namespace\n";
  for (int i = 0; i < 50; ++i) text += "zzzzzzzzz" + std::to_string(i) + ": 1\n";
  DecodeOptions options;
  options.limits.diagnostics_max = 3;
  const std::vector<std::string> findings = FindingsOf(text, options);
  ASSERT_EQ(findings.size(), 4U);
  EXPECT_EQ(findings.back(), "f: error: 47 more findings are not shown");
}

TEST(Decode, SourceMapPointsAtValuesAndElseAtTheNearestParent) {
  const Decoded decoded = DecodeManifest("f", DaemonSet("  template:\n"
                                                        "    spec:\n"
                                                        "      containers:\n"
                                                        "      - name: web\n"
                                                        "        image: x\n"));
  ASSERT_EQ(decoded.documents.size(), 1U);
  const SourceMap& source = decoded.documents[0].source;
  const auto place = [&source](std::string_view path) {
    const Position position = source.Find(path);
    return std::to_string(position.line) + ":" + std::to_string(position.column);
  };
  EXPECT_EQ(place("spec.template.spec.containers[0].image"), "9:16");
  EXPECT_EQ(place("spec.template.spec.containers[0]"), "8:9");
  EXPECT_EQ(place("spec.template.spec.containers[0].ports[0].containerPort"), "8:9");
  EXPECT_EQ(place("spec.template.spec.containers"), "7:7");
  EXPECT_EQ(place("spec.template.metadata.labels[app.kubernetes.io/name]"), "5:3");
  EXPECT_EQ(place("spec.selector"), "4:1");
  EXPECT_EQ(place("status"), "1:1");
}

TEST(DecodeJson, FillsAMessageAndNamesThePathWhenItDoesNotFit) {
  v1::PodTemplateSpec pod;
  pod.mutable_metadata()->set_name("before");
  ASSERT_TRUE(DecodeJson(R"({"spec":{"hostIPC":true}})", pod).ok());
  EXPECT_TRUE(pod.spec().host_ipc());
  EXPECT_FALSE(pod.has_metadata());

  EXPECT_EQ(DecodeJson(R"({"spec":{"containers":[{"name":1}]}})", pod).message(),
            "spec.containers[0].name: expected string, found number 1 (quote it)");
  EXPECT_EQ(DecodeJson(R"({"$patch":"replace"})", pod).message(),
            "$patch: unknown field \"$patch\"");
  EXPECT_TRUE(DecodeJson(R"({"$patch":"replace"})", pod, UnknownFields::kIgnore).ok());
  EXPECT_EQ(DecodeJson("{", pod).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DecodeJson("{} {}", pod).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DecodeJson("", pod).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DecodeJson("\"\xff\"", pod).code(), absl::StatusCode::kInvalidArgument);
}

TEST(DecodeJson, FreeJsonIsKeptInOneForm) {
  v1::ControllerRevision revision;
  ASSERT_TRUE(
      DecodeJson(R"({"data": {"b": [1, 2.50], "a": {"y": null, "x": "1"}}})", revision).ok());
  EXPECT_EQ(revision.data().json(), R"({"a":{"x":"1","y":null},"b":[1,2.5]})");
  ASSERT_TRUE(DecodeJson(R"({"data": [1e3, -0, 123456789012345678901234567890]})", revision).ok());
  EXPECT_EQ(revision.data().json(), "[1000,0,1.2345678901234568e+29]");
  EXPECT_EQ(DecodeJson(R"({"data": {"a": [1e400]}})", revision).message(),
            "data.a[0]: expected number that JSON can hold, found number 1e400");
  EXPECT_FALSE(DecodeJson(R"({"data": {"b": {"c": 1, "c": 2}}})", revision).ok());
}

}  // namespace
}  // namespace muster::manifest
