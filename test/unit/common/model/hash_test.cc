#include "common/model/hash.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::model {
namespace {

v1::PodTemplateSpec Template() {
  v1::PodTemplateSpec spec;
  (*spec.mutable_metadata()->mutable_labels())["app"] = "web";
  v1::Container& container = *spec.mutable_spec()->add_containers();
  container.set_name("web");
  container.set_image("nginx:1.25");
  (*container.mutable_resources()->mutable_requests())["cpu"].set_text("1000m");
  return spec;
}

TEST(Fnv1a, GivesThePublishedValues) {
  EXPECT_EQ(Fnv1a(""), 0x811c9dc5u);
  EXPECT_EQ(Fnv1a("a"), 0xe40c292cu);
  EXPECT_EQ(Fnv1a("foobar"), 0xbf9cf968u);
}

TEST(SafeEncode, MapsDigitsLikeKubernetes) {
  EXPECT_EQ(SafeEncode(1234567890), "56789bcdf4");
  EXPECT_EQ(SafeEncode(0), "4");
}

// Spec: 6/hash
TEST(TemplateHash, IsTheSameInEveryVersionOfMuster) {
  // Written down once. If this fails, an upgrade would restart every pod of every DaemonSet.
  EXPECT_EQ(TemplateHash(Template(), std::nullopt), "697df4969");
  EXPECT_EQ(TemplateHash(v1::PodTemplateSpec(), std::nullopt), SafeEncode(Fnv1a("{}")));
}

// Spec: 6/hash
TEST(TemplateHash, LooksLikeKubernetesHashes) {
  EXPECT_THAT(TemplateHash(Template(), std::nullopt), testing::MatchesRegex("[456789bcdf]{1,10}"));
}

TEST(TemplateHash, IsEqualForSemanticallyEqualTemplates) {
  v1::PodTemplateSpec same = Template();
  (*same.mutable_spec()->mutable_containers(0)->mutable_resources()->mutable_requests())["cpu"]
      .set_text("1");
  EXPECT_EQ(TemplateHash(same, std::nullopt), TemplateHash(Template(), std::nullopt));
}

TEST(TemplateHash, DiffersWithAnyFieldAndWithTheCollisionCount) {
  std::set<std::string> hashes = {TemplateHash(Template(), std::nullopt)};
  v1::PodTemplateSpec changed = Template();
  (*changed.mutable_metadata()->mutable_annotations())["a"] = "b";
  EXPECT_TRUE(hashes.insert(TemplateHash(changed, std::nullopt)).second);
  changed = Template();
  changed.mutable_spec()->mutable_containers(0)->set_image("nginx:1.26");
  EXPECT_TRUE(hashes.insert(TemplateHash(changed, std::nullopt)).second);
  changed = Template();
  changed.mutable_spec()->mutable_security_context();
  EXPECT_TRUE(hashes.insert(TemplateHash(changed, std::nullopt)).second);
  for (int32_t collisions : {0, 1, 2, 256}) {
    EXPECT_TRUE(hashes.insert(TemplateHash(Template(), collisions)).second) << collisions;
  }
}

}  // namespace
}  // namespace muster::model
