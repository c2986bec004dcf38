#include "common/model/image_reference.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace muster::model {
namespace {

const std::string kSha = "sha256:" + std::string(64, 'a');

// Spec: pod/7/names
TEST(ImageReference, SplitsIntoParts) {
  struct Case {
    std::string text, host, path, tag, digest;
  };
  for (const Case& c : std::vector<Case>{
           {"nginx", "docker.io", "library/nginx", "", ""},
           {"prom/node-exporter", "docker.io", "prom/node-exporter", "", ""},
           {"nginx:1.25", "docker.io", "library/nginx", "1.25", ""},
           {"index.docker.io/nginx", "docker.io", "library/nginx", "", ""},
           {"docker.io/library/nginx", "docker.io", "library/nginx", "", ""},
           {"registry.k8s.io/pause:3.9", "registry.k8s.io", "pause", "3.9", ""},
           {"localhost/a", "localhost", "a", "", ""},
           {"localhost:5000/a/b:t", "localhost:5000", "a/b", "t", ""},
           {"host:5000/a", "host:5000", "a", "", ""},
           {"[::1]:5000/a", "[::1]:5000", "a", "", ""},
           {"a/b/c", "docker.io", "a/b/c", "", ""},
           {"a@" + kSha, "docker.io", "library/a", "", kSha},
           {"a:b@" + kSha, "docker.io", "library/a", "b", kSha},
           {"a__b--c.d_e", "docker.io", "library/a__b--c.d_e", "", ""},
           {"HOST/a", "HOST", "a", "", ""},
       }) {
    absl::StatusOr<ImageReference> reference = ImageReference::Parse(c.text);
    ASSERT_TRUE(reference.ok()) << c.text << ": " << reference.status();
    EXPECT_EQ(reference->host, c.host) << c.text;
    EXPECT_EQ(reference->path, c.path) << c.text;
    EXPECT_EQ(reference->tag, c.tag) << c.text;
    EXPECT_EQ(reference->digest, c.digest) << c.text;
  }
}

// Spec: pod/7/names
TEST(ImageReference, RefusesWhatNoRegistryCanServe) {
  for (const std::string& text : std::vector<std::string>{"",
                                                          " ",
                                                          "a b",
                                                          "UPPER",
                                                          "a/UPPER",
                                                          "a:",
                                                          "a:-x",
                                                          "a:" + std::string(129, 'x'),
                                                          "a@",
                                                          "a@sha256:abc",
                                                          "a@sha256:" + std::string(64, 'g'),
                                                          "a//b",
                                                          "/a",
                                                          "a/",
                                                          "a..b",
                                                          "a___b",
                                                          "-a",
                                                          "a-",
                                                          "host:port/a",
                                                          "http://host/a",
                                                          std::string(64, 'a'),
                                                          std::string(256, 'x'),
                                                          "host.name:/a"}) {
    absl::StatusOr<ImageReference> reference = ImageReference::Parse(text);
    EXPECT_FALSE(reference.ok()) << text;
    EXPECT_EQ(reference.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

// Spec: 8.2/pull-policy
// Spec: pod/2/pull-policy
TEST(DefaultPullPolicy, IsAlwaysOnlyForAMovingTag) {
  EXPECT_EQ(DefaultPullPolicy("a"), "Always");
  EXPECT_EQ(DefaultPullPolicy("a:latest"), "Always");
  EXPECT_EQ(DefaultPullPolicy("a:latest@" + kSha), "Always");
  EXPECT_EQ(DefaultPullPolicy("host:5000/a"), "Always");
  EXPECT_EQ(DefaultPullPolicy("a:1"), "IfNotPresent");
  EXPECT_EQ(DefaultPullPolicy("a@" + kSha), "IfNotPresent");
  EXPECT_EQ(DefaultPullPolicy("a:1@" + kSha), "IfNotPresent");
  EXPECT_EQ(DefaultPullPolicy("NOT LEGAL"), "IfNotPresent");
}

}  // namespace
}  // namespace muster::model
