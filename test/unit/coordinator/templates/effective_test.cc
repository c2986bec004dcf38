#include "coordinator/templates/effective.h"

#include <string>
#include <vector>

#include "coordinator/templates/node_overrides.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;

v1::DaemonSet Parse(const std::string& text) {
  v1::DaemonSet daemon_set;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &daemon_set)) << text;
  return daemon_set;
}

void Annotate(const std::string& key, const std::string& value, v1::DaemonSet& daemon_set) {
  (*daemon_set.mutable_metadata()->mutable_annotations())[key] = value;
}

std::string CarriedBy(const v1::DaemonSet& daemon_set, const std::string& key) {
  const auto& annotations = daemon_set.spec().template_().metadata().annotations();
  const auto found = annotations.find(key);
  return found == annotations.end() ? "" : found->second;
}

TEST(EffectiveDaemonSet, IsTheSameWhereNothingAddsToTheTemplate) {
  const v1::DaemonSet plain = Parse("spec { template { spec { containers { name: 'c' } } } }");
  EXPECT_EQ(EffectiveDaemonSet(plain, "d").DebugString(), plain.DebugString());
}

TEST(EffectiveDaemonSet, CarriesOverridesAndTheDigest) {
  v1::DaemonSet daemon_set = Parse("spec { template { spec { containers { name: 'c' } } } }");
  Annotate(kOverridesAnnotation, "- x", daemon_set);
  EXPECT_EQ(CarriedBy(EffectiveDaemonSet(daemon_set, "d"), kOverridesAnnotation), "- x");
  EXPECT_EQ(CarriedBy(EffectiveDaemonSet(daemon_set, "d"), kConfigDigestAnnotation), "");
  Annotate(kRollOnConfigAnnotation, "true", daemon_set);
  EXPECT_EQ(CarriedBy(EffectiveDaemonSet(daemon_set, "d"), kConfigDigestAnnotation), "d");
}

TEST(EffectiveDaemonSet, DropsWhatATemplateBroughtAlong) {
  v1::DaemonSet daemon_set = Parse("spec { template { spec { containers { name: 'c' } } } }");
  auto& carried =
      *daemon_set.mutable_spec()->mutable_template_()->mutable_metadata()->mutable_annotations();
  carried[kOverridesAnnotation] = "- old";
  carried[kConfigDigestAnnotation] = "old";
  EXPECT_EQ(CarriedBy(EffectiveDaemonSet(daemon_set, "d"), kOverridesAnnotation), "");
  EXPECT_EQ(CarriedBy(EffectiveDaemonSet(daemon_set, "d"), kConfigDigestAnnotation), "");
}

TEST(RestoreTemplate, IsTheOtherWayRound) {
  v1::DaemonSet before =
      Parse("spec { template { spec { containers { name: 'c' image: 'a' } } } }");
  Annotate(kOverridesAnnotation, "- x", before);
  Annotate(kRollOnConfigAnnotation, "true", before);
  const v1::PodTemplateSpec of_revision = EffectiveDaemonSet(before, "d").spec().template_();

  v1::DaemonSet after = Parse("spec { template { spec { containers { name: 'c' image: 'b' } } } }");
  Annotate(kOverridesAnnotation, "- y", after);
  Annotate("other", "stays", after);
  RestoreTemplate(of_revision, after);
  EXPECT_EQ(after.spec().template_().spec().containers(0).image(), "a");
  EXPECT_EQ(after.metadata().annotations().at(kOverridesAnnotation), "- x");
  EXPECT_EQ(after.metadata().annotations().at("other"), "stays");
  EXPECT_EQ(CarriedBy(after, kOverridesAnnotation), "");
  EXPECT_EQ(CarriedBy(after, kConfigDigestAnnotation), "");

  RestoreTemplate(Parse("spec { template { spec {} } }").spec().template_(), after);
  EXPECT_FALSE(after.metadata().annotations().contains(kOverridesAnnotation));
}

// What a rollout goes back to is the revision that it came from, and not a third one.
TEST(RestoreTemplate, RollsOnConfigWhenTheRevisionDid) {
  v1::DaemonSet before = Parse("spec { template { spec { containers { name: 'c' } } } }");
  const v1::DaemonSet plain = EffectiveDaemonSet(before, "");
  v1::DaemonSet after = before;
  Annotate(kRollOnConfigAnnotation, "true", after);
  const v1::PodTemplateSpec rolling = EffectiveDaemonSet(after, "d").spec().template_();
  RestoreTemplate(plain.spec().template_(), after);
  EXPECT_FALSE(RollsOnConfig(after));
  EXPECT_EQ(EffectiveDaemonSet(after, "").spec().DebugString(), plain.spec().DebugString());

  Annotate(kRollOnConfigAnnotation, "false", before);
  RestoreTemplate(rolling, before);
  EXPECT_TRUE(RollsOnConfig(before));
  EXPECT_EQ(CarriedBy(EffectiveDaemonSet(before, "d"), kConfigDigestAnnotation), "d");
}

TEST(ConfigKeys, AreThoseThatChangeWhatRuns) {
  v1::DaemonSet daemon_set = Parse(
      "metadata { namespace: 'ns' } spec { template { spec {"
      " image_pull_secrets { name: 'pull' }"
      " init_containers { name: 'i' env_from { secret_ref { name: 'from' } } }"
      " containers { name: 'c' env { name: 'A' value_from {"
      "   config_map_key_ref { name: 'env' key: 'k' } } } }"
      " volumes { name: 'v' config_map { name: 'volume' } }"
      " volumes { name: 'p' projected { sources { secret { name: 'projected' } } } } } } }");
  EXPECT_THAT(ConfigKeys(daemon_set), ElementsAre("configmaps/ns/env", "configmaps/ns/volume",
                                                  "secrets/ns/from", "secrets/ns/projected"));
  Annotate(kOverridesAnnotation,
           "- {selector: {a: b}, containers: [{name: c, env: [{name: A, valueFrom: {secretKeyRef:"
           " {name: special, key: k}}}]}]}",
           daemon_set);
  EXPECT_THAT(ConfigKeys(daemon_set), testing::Contains("secrets/ns/special"));
}

TEST(ConfigDigest, FollowsTheContentAlone) {
  v1::Object object;
  v1::ConfigMap& map = *object.mutable_config_map();
  (*map.mutable_data())["k"] = "1";
  const std::string first = ContentDigest(object);
  map.mutable_metadata()->set_resource_version("7");
  (*map.mutable_metadata()->mutable_labels())["x"] = "y";
  EXPECT_EQ(ContentDigest(object), first);
  (*map.mutable_data())["k"] = "2";
  EXPECT_NE(ContentDigest(object), first);

  const std::vector<std::string> keys = {"configmaps/ns/a", "secrets/ns/b"};
  const std::string both = ConfigDigest(keys, {{keys[0], "x"}, {keys[1], "y"}});
  EXPECT_EQ(ConfigDigest(keys, {{keys[0], "x"}, {keys[1], "y"}, {"secrets/ns/c", "z"}}), both);
  EXPECT_NE(ConfigDigest(keys, {{keys[0], "x"}, {keys[1], "z"}}), both);
  EXPECT_NE(ConfigDigest(keys, {{keys[0], "x"}}), both);
}

}  // namespace
}  // namespace muster::coordinator
