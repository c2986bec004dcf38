#include "coordinator/templates/references.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::Pod Parse(const std::string& spec) {
  v1::Pod pod;
  pod.mutable_metadata()->set_namespace_("logging");
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(spec, pod.mutable_spec()));
  return pod;
}

TEST(ReferencedKeys, FindsEveryPlaceThatMentionsAConfigMapOrSecret) {
  struct Case {
    std::string what;
    std::string spec;
    std::string key;
  };
  const std::vector<Case> cases = {
      {"configMapKeyRef",
       "containers { env { value_from { config_map_key_ref { name: 'a' key: 'k' } } } }",
       "configmaps/logging/a"},
      {"secretKeyRef", "containers { env { value_from { secret_key_ref { name: 'a' } } } }",
       "secrets/logging/a"},
      {"envFrom configMapRef", "containers { env_from { config_map_ref { name: 'a' } } }",
       "configmaps/logging/a"},
      {"envFrom secretRef", "containers { env_from { secret_ref { name: 'a' } } }",
       "secrets/logging/a"},
      {"optional ones", "containers { env_from { secret_ref { name: 'a' optional: true } } }",
       "secrets/logging/a"},
      {"init containers", "init_containers { env_from { secret_ref { name: 'a' } } }",
       "secrets/logging/a"},
      {"configMap volume", "volumes { config_map { name: 'a' } }", "configmaps/logging/a"},
      {"secret volume", "volumes { secret { secret_name: 'a' } }", "secrets/logging/a"},
      {"projected configMap", "volumes { projected { sources { config_map { name: 'a' } } } }",
       "configmaps/logging/a"},
      {"projected secret", "volumes { projected { sources { secret { name: 'a' } } } }",
       "secrets/logging/a"},
      {"imagePullSecrets", "image_pull_secrets { name: 'a' }", "secrets/logging/a"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(ReferencedKeys(Parse(c.spec)), ElementsAre(c.key)) << c.what;
  }
}

TEST(ReferencedKeys, PullSecretsOfWhatIsPulledAheadAreNeededToo) {
  v1::Pod pod = Parse("image_pull_secrets { name: 'now' }");
  pod.mutable_pre_pull()->add_image_pull_secrets()->set_name("next");
  EXPECT_THAT(ReferencedKeys(pod), ElementsAre("secrets/logging/next", "secrets/logging/now"));
}

TEST(ReferencedKeys, NamesEachObjectOnceAndSorted) {
  const v1::Pod pod = Parse(R"(
    containers { env_from { config_map_ref { name: 'z' } } env_from { secret_ref { name: 'b' } } }
    containers { env_from { config_map_ref { name: 'z' } } }
    volumes { config_map { name: 'a' } }
  )");
  EXPECT_THAT(ReferencedKeys(pod),
              ElementsAre("configmaps/logging/a", "configmaps/logging/z", "secrets/logging/b"));
}

TEST(ReferencedKeys, OtherVolumesAndPlainVariablesMentionNothing) {
  const v1::Pod pod = Parse(R"(
    containers { env { name: 'A' value: 'b' } }
    volumes { host_path { path: '/' } }
    volumes { empty_dir {} }
  )");
  EXPECT_THAT(ReferencedKeys(pod), IsEmpty());
}

}  // namespace
}  // namespace muster::coordinator
