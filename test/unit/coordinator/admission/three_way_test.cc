#include "coordinator/admission/three_way.h"

#include <string>

#include "common/manifest/encode.h"
#include "common/model/kinds.h"
#include "coordinator/admission/admit.h"
#include "coordinator/admission/merge.h"
#include "coordinator/templates/effective.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

// One `apply` as the API does it; fails the test when the object is refused.
v1::Object Apply(const v1::Object& manifest, const v1::Object* stored = nullptr) {
  absl::StatusOr<v1::Object> proposed = ThreeWayApply(manifest, stored);
  if (!proposed.ok()) {
    ADD_FAILURE() << proposed.status();
    return v1::Object();
  }
  const AdmitResult admitted = Admit(*proposed, stored, kNow);
  EXPECT_THAT(Texts(admitted.problems), testing::IsEmpty());
  return admitted.object;
}

v1::Object DaemonSet(const std::string& container, const std::string& rest = "") {
  return FromYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [)" +
                  container + "]\n" + rest);
}

v1::PodSpec& PodOf(v1::Object& object) {
  return *object.mutable_daemon_set()->mutable_spec()->mutable_template_()->mutable_spec();
}

std::string LastApplied(const v1::Object& object) {
  return model::MetadataOf(object).annotations().at(kLastAppliedAnnotation);
}

template <typename List>
std::vector<std::string> Names(const List& list) {
  std::vector<std::string> names;
  for (const auto& item : list) names.push_back(item.name());
  return names;
}

TEST(Apply, ANewObjectRemembersItsManifest) {
  const v1::Object object = Apply(MinimalDaemonSet());
  EXPECT_EQ(LastApplied(object),
            R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"web"},"spec":{)"
            R"("selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":)"
            R"("web"}},"spec":{"containers":[{"image":"nginx:1.25","name":"main"}]}}}})"
            "\n");
}

TEST(Apply, TheSameManifestAgainChangesNothing) {
  const v1::Object stored = Apply(MinimalDaemonSet());
  absl::StatusOr<v1::Object> again = ThreeWayApply(MinimalDaemonSet(), &stored);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(Admit(*again, &stored, kNow).changed);
}

TEST(Apply, RemovesWhatTheLastManifestHadAndThisOneHasNot) {
  const v1::Object stored = Apply(DaemonSet(
      "{name: a, image: 'x:1', args: [b], env: [{name: A, value: '1'}], resources: {limits: {cpu: "
      "1, memory: 1Gi}}}",
      "      hostNetwork: true\n      nodeSelector: {disk: ssd, zone: a}\n"
      "      priorityClassName: high\n"));
  const v1::Object after = Apply(DaemonSet("{name: a, image: 'x:1', resources: {limits: {cpu: 1}}}",
                                           "      nodeSelector: {zone: a}\n"),
                                 &stored);
  const v1::PodSpec& spec = after.daemon_set().spec().template_().spec();
  EXPECT_FALSE(spec.host_network());
  EXPECT_EQ(spec.priority_class_name(), "");
  EXPECT_EQ(spec.node_selector_size(), 1);
  EXPECT_EQ(spec.containers(0).args_size(), 0);
  EXPECT_EQ(spec.containers(0).env_size(), 0);
  EXPECT_EQ(spec.containers(0).resources().limits_size(), 1);
}

TEST(Apply, KeepsWhatOthersHaveSet) {
  v1::Object stored = Apply(DaemonSet("{name: a, image: 'x:1', env: [{name: A, value: '1'}]}"));
  (*model::MutableMetadataOf(stored).mutable_labels())["team"] = "infra";
  (*model::MutableMetadataOf(stored).mutable_annotations())["note"] = "kept";
  (*PodOf(stored).mutable_node_selector())["disk"] = "ssd";
  v1::EnvVar& injected = *PodOf(stored).mutable_containers(0)->add_env();
  injected.set_name("INJECTED");
  injected.set_value("x");
  PodOf(stored).add_containers()->set_name("sidecar");
  PodOf(stored).mutable_containers(1)->set_image("s:1");

  v1::Object after =
      Apply(DaemonSet("{name: a, image: 'x:2', env: [{name: A, value: '2'}]}"), &stored);
  EXPECT_EQ(model::MetadataOf(after).labels().at("team"), "infra");
  EXPECT_EQ(model::MetadataOf(after).annotations().at("note"), "kept");
  EXPECT_EQ(PodOf(after).node_selector().at("disk"), "ssd");
  EXPECT_THAT(Names(PodOf(after).containers()), ElementsAre("a", "sidecar"));
  EXPECT_EQ(PodOf(after).containers(0).image(), "x:2");
  EXPECT_THAT(Names(PodOf(after).containers(0).env()), ElementsAre("A", "INJECTED"));
  EXPECT_EQ(PodOf(after).containers(0).env(0).value(), "2");
}

// Spec: 8.2/pull-policy
TEST(Apply, KeepsADefaultedPullPolicyWithANewImage) {
  v1::Object stored = Apply(DaemonSet("{name: a, image: x}"));
  EXPECT_EQ(PodOf(stored).containers(0).image_pull_policy(), "Always");
  v1::Object after = Apply(DaemonSet("{name: a, image: 'x:1'}"), &stored);
  EXPECT_EQ(PodOf(after).containers(0).image_pull_policy(), "Always");
}

TEST(Apply, ARenamedContainerReplacesTheOldOne) {
  const v1::Object stored = Apply(DaemonSet("{name: a, image: 'x:1'}, {name: b, image: 'x:1'}"));
  v1::Object after = Apply(DaemonSet("{name: c, image: 'x:1'}, {name: a, image: 'x:1'}"), &stored);
  EXPECT_THAT(Names(PodOf(after).containers()), ElementsAre("c", "a"));
}

TEST(Apply, ItemsOfOthersKeepTheirPlace) {
  v1::Object stored = Apply(DaemonSet("{name: a, image: 'x:1'}, {name: b, image: 'x:1'}"));
  v1::Container added;
  added.set_name("between");
  added.set_image("x:1");
  *PodOf(stored).add_containers() = added;
  PodOf(stored).mutable_containers()->SwapElements(1, 2);
  added.set_name("last");
  *PodOf(stored).add_containers() = added;
  absl::StatusOr<v1::Object> proposed =
      ThreeWayApply(DaemonSet("{name: a, image: 'x:1'}, {name: b, image: 'x:1'}"), &stored);
  ASSERT_TRUE(proposed.ok());
  EXPECT_THAT(Names(PodOf(*proposed).containers()), ElementsAre("a", "between", "b", "last"));
}

TEST(Apply, TellsPortsApartByProtocol) {
  const std::string dns =
      "{name: a, image: 'x:1', ports: [{containerPort: 53, protocol: UDP, name: "
      "dns}, {containerPort: 53, name: dns-tcp}]}";
  const v1::Object stored = Apply(DaemonSet(dns));
  v1::Object after = Apply(DaemonSet("{name: a, image: 'x:1', ports: [{containerPort: 53, "
                                     "protocol: UDP, name: other}, {containerPort: 53, name: "
                                     "dns-tcp}]}"),
                           &stored);
  EXPECT_THAT(Names(PodOf(after).containers(0).ports()), ElementsAre("other", "dns-tcp"));
  v1::Object without_tcp = Apply(
      DaemonSet("{name: a, image: 'x:1', ports: [{containerPort: 53, protocol: UDP}]}"), &after);
  ASSERT_EQ(PodOf(without_tcp).containers(0).ports_size(), 1);
  EXPECT_EQ(PodOf(without_tcp).containers(0).ports(0).protocol(), "UDP");
}

TEST(Apply, ListsWithoutNamesAreReplacedWhole) {
  const v1::Object stored = Apply(
      DaemonSet("{name: a, image: 'x:1', args: [a, b]}",
                "      tolerations: [{key: a, operator: Exists}, {key: b, operator: Exists}]\n"));
  v1::Object after = Apply(DaemonSet("{name: a, image: 'x:1', args: [c]}",
                                     "      tolerations: [{key: c, operator: Exists}]\n"),
                           &stored);
  EXPECT_THAT(PodOf(after).containers(0).args(), ElementsAre("c"));
  ASSERT_EQ(PodOf(after).tolerations_size(), 1);
  EXPECT_EQ(PodOf(after).tolerations(0).key(), "c");
}

TEST(Apply, AVolumeChangesItsSource) {
  const std::string container = "{name: a, image: 'x:1', volumeMounts: [{name: v, mountPath: /v}]}";
  const v1::Object stored = Apply(DaemonSet(container, "      volumes: [{name: v}]\n"));
  v1::Object after =
      Apply(DaemonSet(container, "      volumes: [{name: v, hostPath: {path: /a}}]\n"), &stored);
  EXPECT_TRUE(PodOf(after).volumes(0).has_host_path());
  EXPECT_FALSE(PodOf(after).volumes(0).has_empty_dir()) << "the defaulted one is gone";
}

TEST(Apply, AProbeChangesItsHandler) {
  const v1::Object stored =
      Apply(DaemonSet("{name: a, image: 'x:1', livenessProbe: {httpGet: {port: 80}}}"));
  v1::Object after =
      Apply(DaemonSet("{name: a, image: 'x:1', livenessProbe: {exec: {command: [b]}}}"), &stored);
  EXPECT_FALSE(PodOf(after).containers(0).liveness_probe().has_http_get());
  EXPECT_TRUE(PodOf(after).containers(0).liveness_probe().has_exec());
  EXPECT_EQ(PodOf(after).containers(0).liveness_probe().period_seconds(), 10);
}

// A rollback leaves a template that no manifest of the last time had.
TEST(RestoreLastApplied, TheNextApplyRemovesWhatCameBackAndItLeavesOut) {
  const std::string probe = "readinessProbe: {httpGet: {path: /, port: 80}}";
  v1::Object old = DaemonSet("{name: a, image: 'x:1', " + probe + "}", "      hostPID: true\n");
  (*model::MutableMetadataOf(old).mutable_annotations())[kRollOnConfigAnnotation] = "true";
  const v1::Object then = Apply(old);
  v1::Object stored = Apply(DaemonSet("{name: a, image: 'x:2'}"), &then);
  (*model::MutableMetadataOf(stored).mutable_annotations())["other"] = "stays";

  v1::DaemonSet& back = *stored.mutable_daemon_set();
  RestoreTemplate(EffectiveDaemonSet(then.daemon_set(), "d").spec().template_(), back);
  const v1::Object forgotten = Apply(DaemonSet("{name: a, image: 'x:3'}"), &stored);
  EXPECT_TRUE(forgotten.daemon_set().spec().template_().spec().host_pid()) << "what it is about";

  RestoreLastApplied(then.daemon_set().metadata(), back);
  const v1::Object after = Apply(DaemonSet("{name: a, image: 'x:3'}"), &stored);
  const v1::PodSpec& spec = after.daemon_set().spec().template_().spec();
  EXPECT_FALSE(spec.host_pid());
  EXPECT_FALSE(spec.containers(0).has_readiness_probe());
  EXPECT_EQ(spec.containers(0).image(), "x:3");
  const auto& annotations = model::MetadataOf(after).annotations();
  EXPECT_FALSE(annotations.contains(kRollOnConfigAnnotation));
  EXPECT_EQ(annotations.at("other"), "stays");
  EXPECT_EQ(LastApplied(after), LastApplied(Apply(DaemonSet("{name: a, image: 'x:3'}"))));
}

TEST(RestoreLastApplied, DoesNothingWhereNothingWasApplied) {
  const v1::Object applied = Apply(MinimalDaemonSet());
  v1::DaemonSet daemon_set = applied.daemon_set();
  RestoreLastApplied(v1::ObjectMeta(), daemon_set);
  EXPECT_EQ(daemon_set.DebugString(), applied.daemon_set().DebugString());
  v1::DaemonSet created = MinimalDaemonSet().daemon_set();
  RestoreLastApplied(applied.daemon_set().metadata(), created);
  EXPECT_FALSE(created.metadata().annotations().contains(kLastAppliedAnnotation));
  daemon_set.mutable_metadata()->mutable_annotations()->at(kLastAppliedAnnotation) = "{";
  RestoreLastApplied(applied.daemon_set().metadata(), daemon_set);
  EXPECT_EQ(daemon_set.metadata().annotations().at(kLastAppliedAnnotation), "{");
}

TEST(Apply, FinalizersAreASet) {
  v1::Object manifest = MinimalDaemonSet();
  model::MutableMetadataOf(manifest).add_finalizers("acme.com/a");
  v1::Object stored = Apply(manifest);
  model::MutableMetadataOf(stored).add_finalizers("acme.com/other");
  model::MutableMetadataOf(manifest).set_finalizers(0, "acme.com/b");
  const v1::Object after = Apply(manifest, &stored);
  EXPECT_THAT(model::MetadataOf(after).finalizers(), ElementsAre("acme.com/other", "acme.com/b"));
}

TEST(Apply, AnExportedObjectIsAManifestLikeAnyOther) {
  v1::Object stored = Apply(MinimalDaemonSet());
  model::MutableMetadataOf(stored).set_uid("uid-1");
  model::MutableMetadataOf(stored).set_resource_version("5");
  v1::Object exported = stored;
  exported.mutable_daemon_set()->mutable_status()->set_number_ready(3);
  model::MutableMetadataOf(exported).set_uid("uid of another life");
  model::MutableMetadataOf(exported).mutable_creation_timestamp()->set_seconds(1);
  const v1::Object after = Apply(exported, &stored);
  EXPECT_EQ(model::MetadataOf(after).uid(), "uid-1");
  EXPECT_THAT(LastApplied(after), Not(HasSubstr("uid")));
  EXPECT_THAT(LastApplied(after), Not(HasSubstr("status")));
  EXPECT_THAT(LastApplied(after), Not(HasSubstr("last-applied")));
}

TEST(Apply, WithoutARememberedManifestNothingIsRemoved) {
  v1::Object stored = Apply(DaemonSet("{name: a, image: 'x:1', args: [b]}"));
  model::MutableMetadataOf(stored).mutable_annotations()->erase(kLastAppliedAnnotation);
  v1::Object after = Apply(DaemonSet("{name: a, image: 'x:1'}"), &stored);
  EXPECT_EQ(PodOf(after).containers(0).args_size(), 1);
}

TEST(Apply, AnUnreadableRememberedManifestIsAnError) {
  v1::Object stored = Apply(MinimalDaemonSet());
  (*model::MutableMetadataOf(stored).mutable_annotations())[kLastAppliedAnnotation] = "{";
  const absl::Status status = ThreeWayApply(MinimalDaemonSet(), &stored).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("daemonset.apps/web"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("remove the annotation"));
}

TEST(Apply, FieldsOfOtherVersionsInARememberedManifestAreNotInTheWay) {
  v1::Object stored = Apply(MinimalDaemonSet());
  (*model::MutableMetadataOf(stored).mutable_annotations())[kLastAppliedAnnotation] =
      R"({"apiVersion":"apps/v1","kind":"DaemonSet","spec":{"templateGeneration":1}})";
  EXPECT_TRUE(ThreeWayApply(MinimalDaemonSet(), &stored).ok());
}

TEST(Apply, ValuesOfSecretsAreNotRemembered) {
  const std::string head = "{apiVersion: v1, kind: Secret, metadata: {name: s}, ";
  const v1::Object stored = Apply(FromYaml(head + "stringData: {a: hidden, b: hidden}}"));
  EXPECT_THAT(LastApplied(stored), HasSubstr(R"("data":{"a":"","b":""})"));
  // Yet a key that is left out goes, also one that came as text.
  const v1::Object after = Apply(FromYaml(head + "data: {a: bmV3}}"), &stored);
  EXPECT_EQ(after.secret().data_size(), 1);
  EXPECT_EQ(after.secret().data().at("a"), "new");
}

TEST(Apply, AConfigMapMayBeLargerThanAnAnnotation) {
  v1::Object manifest = FromYaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}");
  auto& data = *manifest.mutable_config_map()->mutable_data();
  data["small"] = "x";
  EXPECT_THAT(LastApplied(Apply(manifest)), HasSubstr(R"("small":"x")"));
  data["large"] = std::string(300 << 10, 'x');
  const v1::Object stored = Apply(manifest);
  EXPECT_LT(LastApplied(stored).size(), 1000u);
  data.erase("large");
  EXPECT_EQ(Apply(manifest, &stored).config_map().data_size(), 1);
}

TEST(MergeKeys, NameFieldsOfTheSchema) {
  const auto& pool = *google::protobuf::DescriptorPool::generated_pool();
  for (const std::string_view name : FieldsWithMergeKeys()) {
    const auto* field = pool.FindFieldByName(std::string(name));
    ASSERT_NE(field, nullptr) << name;
    EXPECT_TRUE(field->is_repeated() && field->message_type() != nullptr) << name;
    for (const std::string_view key : MergeKeysOf(name)) {
      const auto* key_field = field->message_type()->FindFieldByName(std::string(key));
      ASSERT_NE(key_field, nullptr) << name << " " << key;
      EXPECT_FALSE(key_field->is_repeated());
      EXPECT_TRUE(key_field->type() == google::protobuf::FieldDescriptor::TYPE_STRING ||
                  key_field->type() == google::protobuf::FieldDescriptor::TYPE_INT32)
          << name << " " << key;
    }
  }
  EXPECT_TRUE(MergeKeysOf("muster.v1.PodSpec.tolerations").empty());
}

}  // namespace
}  // namespace muster::coordinator
