#include "common/model/host_reach.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(IsBelow, GoesByWholeComponents) {
  struct Row {
    const char* path;
    std::vector<std::string> prefixes;
    bool below;
  };
  for (const Row& row : {
           Row{"/var/log", {"/var/log"}, true},
           {"/var/log/pods/x", {"/var/log"}, true},
           {"/var/logs", {"/var/log"}, false},
           {"/var", {"/var/log"}, false},
           {"/var//log/./pods", {"/var/log/"}, true},
           {"/var/log/../../etc", {"/var/log"}, false},
           {"/var/log", {"/var/log/.."}, false},
           {"/anything", {"/"}, true},
           {"/", {"/"}, true},
           {"/", {"/var"}, false},
           {"var/log", {"/var/log"}, false},
           {"var/log", {"var/log"}, false},
           {"", {"/"}, false},
           {"/b", {"/a", "/b"}, true},
           {"/a", {}, false},
       }) {
    EXPECT_EQ(IsBelow(row.path, row.prefixes), row.below) << row.path;
  }
}

TEST(IsFrom, GoesByRegistryAndWholeComponents) {
  struct Row {
    const char* image;
    std::vector<std::string> sources;
    bool from;
  };
  for (const Row& row : {
           Row{"nginx", {"docker.io"}, true},
           {"nginx:1.25", {"docker.io/library"}, true},
           {"docker.io/library/nginx@sha256:"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            {"docker.io/library"},
            true},
           {"team/nginx", {"docker.io/library"}, false},
           {"registry.example.com/a/b:1", {"registry.example.com"}, true},
           {"registry.example.com/a/b:1", {"registry.example.com/a"}, true},
           {"registry.example.com/ab/b:1", {"registry.example.com/a"}, false},
           {"registry.example.com.evil.org/a", {"registry.example.com"}, false},
           {"registry.example.com:5000/a", {"registry.example.com"}, false},
           {"registry.example.com:5000/a", {"registry.example.com:5000"}, true},
           {"evil.org/registry.example.com/a", {"registry.example.com"}, false},
           {"localhost/a", {"localhost"}, true},
           {"not an image", {"docker.io"}, false},
           {"nginx", {}, false},
       }) {
    EXPECT_EQ(IsFrom(row.image, row.sources), row.from) << row.image;
  }
}

TEST(HostReach, FindsEveryVolumeAndEveryKindOfContainer) {
  v1::PodSpec spec;
  spec.add_volumes()->set_name("scratch");
  v1::Volume& logs = *spec.add_volumes();
  logs.set_name("logs");
  logs.mutable_host_path()->set_path("/var/log");
  v1::Container& init = *spec.add_init_containers();
  init.set_name("prepare");
  init.set_image("a");
  v1::Container& main = *spec.add_containers();
  main.set_name("main");
  main.set_image("b");
  v1::EphemeralContainer& debug = *spec.add_ephemeral_containers();
  debug.set_name("debug");
  debug.set_image("c");
  const std::vector<PodUse> paths = HostPathsOf(spec);
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_EQ(paths[0].path, "volumes[1].hostPath.path");
  EXPECT_EQ(paths[0].what, "volume \"logs\"");
  EXPECT_EQ(paths[0].value, "/var/log");
  std::vector<std::string> images;
  for (const PodUse& use : ImagesOf(spec)) images.push_back(use.path + " " + use.value);
  EXPECT_THAT(images, ElementsAre("initContainers[0].image a", "containers[0].image b",
                                  "ephemeralContainers[0].image c"));
}

TEST(HostReach, EntriesThatCanNeverMatchAreNamed) {
  for (const char* good : {"/", "/var/log", "/var/log/"}) {
    EXPECT_THAT(BadHostPathPrefix(good), IsEmpty()) << good;
  }
  for (const char* bad : {"", "var/log", "/var/../etc"}) {
    EXPECT_THAT(BadHostPathPrefix(bad), HasSubstr("absolute")) << bad;
  }
  for (const char* good :
       {"docker.io", "docker.io/library", "localhost:5000", "r.example.com/a/b"}) {
    EXPECT_THAT(BadImageSource(good), IsEmpty()) << good;
  }
  for (const char* bad : {"", "library", "https://docker.io", "docker.io/UPPER", "docker.io/a:1"}) {
    EXPECT_THAT(BadImageSource(bad), Not(IsEmpty())) << bad;
  }
}

}  // namespace
}  // namespace muster::model
