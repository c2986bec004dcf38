#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/translate/field_ref.h"
#include "agent/translate/translate.h"
#include "test/unit/agent/translate/fixtures.h"

namespace muster::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class EnvironmentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pod_ = MakePod();
    container_ = pod_.mutable_spec()->mutable_containers(0);
  }
  void Set(const std::string& name, const std::string& value) {
    v1::EnvVar* variable = container_->add_env();
    variable->set_name(name);
    variable->set_value(value);
  }
  v1::EnvVarSource* From(const std::string& name) {
    v1::EnvVar* variable = container_->add_env();
    variable->set_name(name);
    return variable->mutable_value_from();
  }
  absl::StatusOr<Environment> Resolve(std::vector<std::string>* skipped = nullptr) {
    return ResolveEnvironment(pod_, *container_, {"10.9.8.7"}, MakeNode(), configs_, skipped);
  }

  v1::Pod pod_;
  v1::Container* container_;
  MapConfigSource configs_;
};

// Spec: pod/13/defined-so-far
TEST_F(EnvironmentTest, AValueSeesWhatIsDefinedBeforeItAndNothingAfter) {
  Set("A", "1");
  Set("B", "$(A)$(C)");
  Set("C", "3");
  EXPECT_THAT(*Resolve(), ElementsAre(Pair("A", "1"), Pair("B", "1$(C)"), Pair("C", "3")));
}

// Spec: pod/13/order
TEST_F(EnvironmentTest, TheLastDefinitionOfANameWins) {
  Set("A", "1");
  Set("A", "$(A)2");
  EXPECT_THAT(*Resolve(), ElementsAre(Pair("A", "12")));
}

// Spec: pod/13/order
TEST_F(EnvironmentTest, EnvOverridesEnvFromAndPrefixesApply) {
  auto& data = *configs_.AddConfigMap("shop", "settings").mutable_data();
  data["COLOR"] = "red";
  data["SIZE"] = "9";
  v1::EnvFromSource* source = container_->add_env_from();
  source->set_prefix("P_");
  source->mutable_config_map_ref()->set_name("settings");
  Set("P_COLOR", "blue");
  EXPECT_THAT(*Resolve(), ElementsAre(Pair("P_COLOR", "blue"), Pair("P_SIZE", "9")));
}

// Spec: pod/13/bad-names
TEST_F(EnvironmentTest, KeysThatAreNoVariableNamesAreSkippedAndTold) {
  (*configs_.AddSecret("shop", "keys").mutable_data())["a=b"] = "x";
  container_->add_env_from()->mutable_secret_ref()->set_name("keys");
  std::vector<std::string> skipped;
  EXPECT_THAT(*Resolve(&skipped), IsEmpty());
  EXPECT_THAT(skipped, ElementsAre("a=b"));
}

// Spec: pod/13/defined-so-far
TEST_F(EnvironmentTest, ValuesOfReferencesAreNotExpanded) {
  (*configs_.AddConfigMap("shop", "settings").mutable_data())["k"] = "$(A)";
  Set("A", "1");
  auto* ref = From("B")->mutable_config_map_key_ref();
  ref->set_name("settings");
  ref->set_key("k");
  EXPECT_THAT(*Resolve(), ElementsAre(Pair("A", "1"), Pair("B", "$(A)")));
}

// Spec: pod/4.5/config, pod/13/keys
TEST_F(EnvironmentTest, MissingObjectsAndKeysAreNamedUnlessOptional) {
  auto* ref = From("B")->mutable_config_map_key_ref();
  ref->set_name("settings");
  ref->set_key("k");
  EXPECT_EQ(Resolve().status().message(), "configmap \"settings\" not found");
  configs_.AddConfigMap("shop", "settings");
  EXPECT_EQ(Resolve().status().message(), "couldn't find key k in ConfigMap shop/settings");
  ref->set_optional(true);
  EXPECT_THAT(*Resolve(), IsEmpty());
  container_->clear_env();
  auto* secret = From("S")->mutable_secret_key_ref();
  secret->set_name("keys");
  secret->set_key("k");
  EXPECT_EQ(Resolve().status().message(), "secret \"keys\" not found");
}

TEST_F(EnvironmentTest, ObjectsOfAnotherNamespaceAreNotSeen) {
  (*configs_.AddConfigMap("other", "settings").mutable_data())["k"] = "v";
  container_->add_env_from()->mutable_config_map_ref()->set_name("settings");
  EXPECT_EQ(Resolve().status().code(), absl::StatusCode::kNotFound);
}

// Spec: pod/13/field-ref, pod/14.3/downward
TEST_F(EnvironmentTest, DownwardFieldsTellAboutPodAndNode) {
  pod_.mutable_spec()->set_service_account_name("runner");
  (*pod_.mutable_metadata()->mutable_labels())["tier"] = "front";
  (*pod_.mutable_metadata()->mutable_labels())["app"] = "we\"b";
  const struct {
    const char* path;
    const char* value;
  } kRows[] = {
      {"metadata.name", "web-x7k2q"},
      {"metadata.namespace", "shop"},
      {"metadata.uid", "0f3c-77"},
      {"metadata.labels['tier']", "front"},
      {"metadata.labels['none']", ""},
      {"metadata.annotations['none']", ""},
      {"metadata.labels", "app=\"we\\\"b\"\ntier=\"front\""},
      {"spec.nodeName", "node-1"},
      {"spec.serviceAccountName", "runner"},
      {"status.hostIP", "10.0.0.1"},
      {"status.hostIPs", "10.0.0.1,fd00::1"},
      {"status.podIP", "10.9.8.7"},
      {"status.podIPs", "10.9.8.7"},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(*FieldRefValue(pod_, row.path, {"10.9.8.7"}, MakeNode()), row.value) << row.path;
  }
  EXPECT_FALSE(FieldRefValue(pod_, "status.phase", {}, MakeNode()).ok());
}

// Spec: pod/13/resource-field-ref
TEST_F(EnvironmentTest, ResourceFieldsAreDividedAndRoundedUp) {
  auto& limits = *container_->mutable_resources()->mutable_limits();
  limits["cpu"].set_text("1500m");
  limits["memory"].set_text("100Mi");
  NodeContext node = MakeNode();
  node.allocatable["ephemeral-storage"].set_text("10Gi");
  const struct {
    const char* resource;
    const char* divisor;
    const char* value;
  } kRows[] = {
      {"limits.cpu", "", "2"},
      {"limits.cpu", "1m", "1500"},
      {"limits.memory", "", "104857600"},
      {"limits.memory", "1Mi", "100"},
      {"limits.memory", "1Gi", "1"},
      {"limits.ephemeral-storage", "1Gi", "10"},
      {"requests.cpu", "", "0"},
  };
  for (const auto& row : kRows) {
    v1::ResourceFieldSelector selector;
    selector.set_resource(row.resource);
    if (*row.divisor != '\0') selector.mutable_divisor()->set_text(row.divisor);
    EXPECT_EQ(*ResourceFieldRefValue(pod_, selector, "main", node), row.value)
        << row.resource << " by " << row.divisor;
  }
}

}  // namespace
}  // namespace muster::agent
