#include "coordinator/admission/admit.h"

#include <string>

#include "common/model/kinds.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};
constexpr WallTime kLater = kNow + std::chrono::hours(1);

std::string TemplateGeneration(const v1::Object& object) {
  const auto& annotations = model::MetadataOf(object).annotations();
  auto found = annotations.find(kTemplateGenerationAnnotation);
  return found == annotations.end() ? "" : found->second;
}

// As the store gives it back.
v1::Object Stored(const v1::Object& proposed) {
  v1::Object object = Admit(proposed, nullptr, kNow).object;
  model::MutableMetadataOf(object).set_uid("uid-1");
  model::MutableMetadataOf(object).set_resource_version("5");
  return object;
}

v1::PodSpec& PodOf(v1::Object& object) {
  return *object.mutable_daemon_set()->mutable_spec()->mutable_template_()->mutable_spec();
}

TEST(AdmitNew, DefaultsAndStampsIt) {
  const AdmitResult result = Admit(MinimalDaemonSet(), nullptr, kNow);
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_THAT(result.warnings, IsEmpty());
  EXPECT_TRUE(result.changed);
  const v1::DaemonSet& daemon_set = result.object.daemon_set();
  EXPECT_EQ(daemon_set.metadata().namespace_(), "default");
  EXPECT_EQ(daemon_set.metadata().generation(), 1);
  EXPECT_EQ(daemon_set.metadata().creation_timestamp().seconds(), 1'700'000'000);
  EXPECT_EQ(daemon_set.spec().revision_history_limit(), 10);
  EXPECT_EQ(TemplateGeneration(result.object), "1");
}

TEST(AdmitNew, IgnoresWhatBelongsToTheCoordinator) {
  v1::Object proposed = MinimalDaemonSet();
  v1::ObjectMeta& metadata = model::MutableMetadataOf(proposed);
  metadata.set_uid("mine");
  metadata.set_resource_version("7");
  metadata.set_generation(9);
  metadata.mutable_creation_timestamp()->set_seconds(1);
  metadata.mutable_deletion_timestamp()->set_seconds(1);
  metadata.set_deletion_grace_period_seconds(0);
  proposed.mutable_daemon_set()->mutable_status()->set_number_ready(3);
  const AdmitResult result = Admit(proposed, nullptr, kNow);
  const v1::ObjectMeta& admitted = model::MetadataOf(result.object);
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(admitted.uid(), "");
  EXPECT_EQ(admitted.resource_version(), "");
  EXPECT_EQ(admitted.generation(), 1);
  EXPECT_EQ(admitted.creation_timestamp().seconds(), 1'700'000'000);
  EXPECT_FALSE(admitted.has_deletion_timestamp());
  EXPECT_FALSE(admitted.has_deletion_grace_period_seconds());
  EXPECT_FALSE(result.object.daemon_set().has_status());
}

TEST(AdmitNew, KeepsAClientsTemplateGenerationIfItIsOne) {
  for (const auto& [given, kept] :
       {std::pair("7", "7"), std::pair("0", "1"), std::pair("-3", "1"), std::pair("x", "1")}) {
    v1::Object proposed = MinimalDaemonSet();
    (*model::MutableMetadataOf(proposed).mutable_annotations())[kTemplateGenerationAnnotation] =
        given;
    EXPECT_EQ(TemplateGeneration(Admit(proposed, nullptr, kNow).object), kept) << given;
  }
}

TEST(AdmitNew, ReportsRulesAndUnsupportedFieldsTogether) {
  v1::Object proposed = MinimalDaemonSet();
  PodOf(proposed).mutable_containers(0)->clear_image();
  PodOf(proposed).set_host_users(false);
  PodOf(proposed).set_set_hostname_as_fqdn(true);
  const AdmitResult result = Admit(proposed, nullptr, kNow);
  EXPECT_THAT(result.problems, SizeIs(2));
  EXPECT_THAT(result.warnings, SizeIs(1));
}

TEST(AdmitNew, DefaultsAreNoReasonForWarnings) {
  const AdmitResult result =
      Admit(FromYaml("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {nodeName: node-1, "
                     "containers: [{name: a, image: x}]}}"),
            nullptr, kNow);
  EXPECT_THAT(result.warnings, IsEmpty());
  EXPECT_TRUE(result.object.pod().spec().enable_service_links());
  EXPECT_EQ(result.object.pod().status().phase(), "Pending");
  EXPECT_EQ(result.object.pod().status().qos_class(), "BestEffort");
}

TEST(AdmitNew, NamespacesAreActive) {
  EXPECT_EQ(Admit(FromYaml("{apiVersion: v1, kind: Namespace, metadata: {name: a}}"), nullptr, kNow)
                .object.namespace_object()
                .status()
                .phase(),
            "Active");
}

TEST(AdmitUpdate, TheSameAgainChangesNothing) {
  const v1::Object stored = Stored(MinimalDaemonSet());
  for (const v1::Object& proposed : {MinimalDaemonSet(), stored}) {
    const AdmitResult result = Admit(proposed, &stored, kLater);
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_FALSE(result.changed);
    EXPECT_EQ(result.object.SerializeAsString().size(), stored.SerializeAsString().size());
  }
}

TEST(AdmitUpdate, EqualQuantitiesAreNoChange) {
  v1::Object proposed = MinimalDaemonSet();
  auto& limits = *PodOf(proposed).mutable_containers(0)->mutable_resources()->mutable_limits();
  limits["cpu"].set_text("1");
  const v1::Object stored = Stored(proposed);
  limits["cpu"].set_text("1000m");
  const AdmitResult result = Admit(proposed, &stored, kLater);
  EXPECT_FALSE(result.changed);
  EXPECT_EQ(model::MetadataOf(result.object).generation(), 1);
}

// Spec: 7/generation
TEST(AdmitUpdate, OnlyTheSpecRaisesTheGeneration) {
  const v1::Object stored = Stored(MinimalDaemonSet());
  v1::Object labelled = MinimalDaemonSet();
  (*model::MutableMetadataOf(labelled).mutable_labels())["a"] = "b";
  const AdmitResult after_label = Admit(labelled, &stored, kLater);
  EXPECT_TRUE(after_label.changed);
  EXPECT_EQ(model::MetadataOf(after_label.object).generation(), 1);
  EXPECT_EQ(TemplateGeneration(after_label.object), "1");

  v1::Object strategy = MinimalDaemonSet();
  strategy.mutable_daemon_set()->mutable_spec()->set_min_ready_seconds(5);
  const AdmitResult after_strategy = Admit(strategy, &stored, kLater);
  EXPECT_EQ(model::MetadataOf(after_strategy.object).generation(), 2);
  EXPECT_EQ(TemplateGeneration(after_strategy.object), "1") << "the template is the same";

  v1::Object image = MinimalDaemonSet();
  PodOf(image).mutable_containers(0)->set_image("nginx:1.26");
  const AdmitResult after_image = Admit(image, &stored, kLater);
  EXPECT_EQ(model::MetadataOf(after_image.object).generation(), 2);
  EXPECT_EQ(TemplateGeneration(after_image.object), "2");
}

TEST(AdmitUpdate, ClientsDoNotSetTheTemplateGeneration) {
  const v1::Object stored = Stored(MinimalDaemonSet());
  v1::Object proposed = stored;
  (*model::MutableMetadataOf(proposed).mutable_annotations())[kTemplateGenerationAnnotation] = "9";
  const AdmitResult result = Admit(proposed, &stored, kLater);
  EXPECT_EQ(TemplateGeneration(result.object), "1");
  EXPECT_FALSE(result.changed);
}

TEST(AdmitUpdate, StatusAndDeletionStayAsTheyAre) {
  v1::Object stored = Stored(MinimalDaemonSet());
  stored.mutable_daemon_set()->mutable_status()->set_number_ready(3);
  model::MutableMetadataOf(stored).mutable_deletion_timestamp()->set_seconds(9);
  model::MutableMetadataOf(stored).set_deletion_grace_period_seconds(30);
  v1::Object proposed = MinimalDaemonSet();
  proposed.mutable_daemon_set()->mutable_status()->set_number_ready(1);
  const AdmitResult result = Admit(proposed, &stored, kLater);
  EXPECT_EQ(result.object.daemon_set().status().number_ready(), 3);
  EXPECT_EQ(model::MetadataOf(result.object).deletion_timestamp().seconds(), 9);
  EXPECT_EQ(model::MetadataOf(result.object).deletion_grace_period_seconds(), 30);
  EXPECT_FALSE(result.changed);
}

TEST(AdmitUpdate, IdentityIsKeptAndCannotBeChanged) {
  const v1::Object stored = Stored(MinimalDaemonSet());
  const AdmitResult kept = Admit(MinimalDaemonSet(), &stored, kLater);
  EXPECT_EQ(model::MetadataOf(kept.object).uid(), "uid-1");
  EXPECT_EQ(model::MetadataOf(kept.object).resource_version(), "5");
  EXPECT_EQ(model::MetadataOf(kept.object).creation_timestamp().seconds(), 1'700'000'000);

  v1::Object other = MinimalDaemonSet();
  model::MutableMetadataOf(other).set_uid("uid-2");
  model::MutableMetadataOf(other).mutable_creation_timestamp()->set_seconds(1);
  EXPECT_THAT(Texts(Admit(other, &stored, kLater).problems),
              ElementsAre("metadata.creationTimestamp: Invalid value: \"1970-01-01T00:00:01Z\": "
                          "field is immutable",
                          "metadata.uid: Invalid value: \"uid-2\": field is immutable"));
}

TEST(AdmitUpdate, AnInvalidOneKeepsTheSelector) {
  const v1::Object stored = Stored(MinimalDaemonSet());
  v1::Object proposed = MinimalDaemonSet();
  v1::DaemonSetSpec& spec = *proposed.mutable_daemon_set()->mutable_spec();
  (*spec.mutable_selector()->mutable_match_labels())["app"] = "db";
  (*spec.mutable_template_()->mutable_metadata()->mutable_labels())["app"] = "db";
  EXPECT_THAT(Texts(Admit(proposed, &stored, kLater).problems),
              ElementsAre("spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"db\"}}: field "
                          "is immutable"));
}

TEST(AdmitUpdate, OtherKindsHaveNoGeneration) {
  const std::string yaml = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: ";
  const v1::Object stored = Stored(FromYaml(yaml + "x}}"));
  const AdmitResult result = Admit(FromYaml(yaml + "z}}"), &stored, kLater);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(model::MetadataOf(result.object).generation(), 0);
}

TEST(AdmitUpdate, NodesKeepTheirStatusWhenTainted) {
  const std::string yaml = "{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {";
  v1::Object stored = Stored(FromYaml(yaml + "}}"));
  stored.mutable_node()->mutable_status()->mutable_node_info()->set_kernel_version("6.1");
  const AdmitResult result =
      Admit(FromYaml(yaml + "taints: [{key: a, effect: NoSchedule}]}}"), &stored, kLater);
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.object.node().status().node_info().kernel_version(), "6.1");
  EXPECT_EQ(result.object.node().spec().taints_size(), 1);
}

// Who could write it could become the node.
TEST(AdmitNode, TheKeyOfANodeIsNotForUsers) {
  constexpr char kKey[] = "muster.dev/node-key-hash";
  const v1::Object plain = FromYaml("{apiVersion: v1, kind: Node, metadata: {name: n1}}");
  v1::Object keyed = plain;
  (*model::MutableMetadataOf(keyed).mutable_annotations())[kKey] = "sha256:01";
  v1::Object stolen = plain;
  (*model::MutableMetadataOf(stolen).mutable_annotations())[kKey] = "sha256:02";

  EXPECT_THAT(Admit(plain, nullptr, kNow).problems, IsEmpty());
  EXPECT_THAT(Texts(Admit(stolen, nullptr, kNow).problems),
              ElementsAre("metadata.annotations[muster.dev/node-key-hash]: Forbidden: is written "
                          "when a host joins, and not otherwise"));
  EXPECT_THAT(Admit(stolen, &keyed, kNow).problems, SizeIs(1));
  EXPECT_THAT(Admit(stolen, &plain, kNow).problems, SizeIs(1));
  // Said as it is, or not at all, it stays.
  for (const v1::Object& proposed : {keyed, plain}) {
    const AdmitResult result = Admit(proposed, &keyed, kNow);
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_EQ(model::MetadataOf(result.object).annotations().at(kKey), "sha256:01");
  }
}

}  // namespace
}  // namespace muster::coordinator
