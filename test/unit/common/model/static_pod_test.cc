// pod-lifecycle.md, 21: what becomes of a manifest in the directory of static pods.
#include "common/model/static_pod.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::model {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const StaticPodOrigin kOrigin{"Node-1", "/etc/muster/static-pods/web.yaml",
                              WallTime(std::chrono::seconds(1767323045))};

v1::Pod Manifest() {
  v1::Pod pod;
  pod.mutable_metadata()->set_name("web");
  v1::Container& container = *pod.mutable_spec()->add_containers();
  container.set_name("main");
  container.set_image("img:1");
  return pod;
}

// Spec: pod/21/identity
TEST(StaticPod, GetsItsNodeIntoItsNameAndIsDefaulted) {
  const auto pod = MakeStaticPod(Manifest(), kOrigin);
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->metadata().name(), "web-node-1");
  EXPECT_EQ(pod->metadata().namespace_(), "default");
  EXPECT_EQ(pod->spec().node_name(), "Node-1");
  EXPECT_EQ(pod->spec().restart_policy(), "Always");
  EXPECT_EQ(pod->spec().containers(0).image_pull_policy(), "IfNotPresent");
  EXPECT_THAT(pod->metadata().uid(), SizeIs(32));
  const auto& annotations = pod->metadata().annotations();
  EXPECT_EQ(annotations.at("kubernetes.io/config.source"), "file");
  EXPECT_EQ(annotations.at("kubernetes.io/config.hash"), pod->metadata().uid());
  EXPECT_EQ(annotations.at("kubernetes.io/config.seen"), "2026-01-02T03:04:05Z");
  ASSERT_THAT(pod->spec().tolerations(), SizeIs(1));
  EXPECT_EQ(pod->spec().tolerations(0).effect(), "NoExecute");
  EXPECT_EQ(pod->spec().tolerations(0).operator_(), "Exists");
  EXPECT_TRUE(IsStatic(*pod));
  EXPECT_FALSE(IsMirror(*pod));
}

// Spec: pod/21/identity
TEST(StaticPod, IsAnotherPodWhenTheManifestTheNodeOrTheFileIsAnother) {
  const std::string uid = MakeStaticPod(Manifest(), kOrigin)->metadata().uid();
  EXPECT_EQ(MakeStaticPod(Manifest(), kOrigin)->metadata().uid(), uid);
  StaticPodOrigin later = kOrigin;
  later.changed += std::chrono::hours(1);
  EXPECT_EQ(MakeStaticPod(Manifest(), later)->metadata().uid(), uid) << "only touched";
  v1::Pod edited = Manifest();
  edited.mutable_spec()->mutable_containers(0)->set_image("img:2");
  EXPECT_NE(MakeStaticPod(edited, kOrigin)->metadata().uid(), uid);
  StaticPodOrigin elsewhere = kOrigin;
  elsewhere.node = "node-2";
  EXPECT_NE(MakeStaticPod(Manifest(), elsewhere)->metadata().uid(), uid);
  elsewhere = kOrigin;
  elsewhere.file = "/etc/muster/static-pods/other.yaml";
  EXPECT_NE(MakeStaticPod(Manifest(), elsewhere)->metadata().uid(), uid);
}

// Spec: pod/21/may-not-use
TEST(StaticPod, MayNotUseWhatOnlyTheCoordinatorHas) {
  struct {
    void (*change)(v1::Pod&);
    const char* said;
  } const table[] = {
      {[](v1::Pod& p) { p.mutable_spec()->set_service_account_name("robot"); },
       "serviceAccountName"},
      {[](v1::Pod& p) { p.mutable_spec()->add_image_pull_secrets()->set_name("s"); },
       "imagePullSecrets"},
      {[](v1::Pod& p) {
         p.mutable_spec()
             ->mutable_containers(0)
             ->add_env()
             ->mutable_value_from()
             ->mutable_secret_key_ref();
       },
       "variables of container \"main\""},
      {[](v1::Pod& p) { p.mutable_spec()->mutable_containers(0)->add_env_from(); }, "variables"},
      {[](v1::Pod& p) { p.mutable_spec()->add_volumes()->mutable_config_map(); }, "volume"},
      {[](v1::Pod& p) { p.mutable_spec()->add_volumes()->mutable_secret(); }, "volume"},
      {[](v1::Pod& p) {
         p.mutable_spec()->add_volumes()->mutable_projected()->add_sources()->mutable_secret();
       },
       "volume"},
      {[](v1::Pod& p) { p.mutable_metadata()->set_name("Not A Name"); }, "metadata.name"},
      {[](v1::Pod& p) { p.mutable_spec()->clear_containers(); }, "at least one"},
      {[](v1::Pod& p) { p.mutable_spec()->mutable_containers(0)->clear_image(); }, "an image"},
  };
  for (const auto& [change, said] : table) {
    v1::Pod manifest = Manifest();
    change(manifest);
    const absl::Status status = MakeStaticPod(manifest, kOrigin).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << said;
    EXPECT_THAT(std::string(status.message()), HasSubstr(said));
  }
}

TEST(StaticPod, MirrorIsThePodOwnedByItsNode) {
  const v1::Pod mirror = MirrorOf(*MakeStaticPod(Manifest(), kOrigin), "node-uid");
  EXPECT_TRUE(IsMirror(mirror));
  EXPECT_EQ(mirror.metadata().annotations().at("kubernetes.io/config.mirror"),
            mirror.metadata().uid());
  ASSERT_THAT(mirror.metadata().owner_references(), SizeIs(1));
  EXPECT_EQ(mirror.metadata().owner_references(0).kind(), "Node");
  EXPECT_EQ(mirror.metadata().owner_references(0).uid(), "node-uid");
  EXPECT_EQ(MirrorProblem(mirror, "Node-1"), "");
}

TEST(StaticPod, NodeGetsNothingOfOthersByWayOfAMirror) {
  const v1::Pod mirror = MirrorOf(*MakeStaticPod(Manifest(), kOrigin), "node-uid");
  EXPECT_NE(MirrorProblem(mirror, "node-2"), "");
  v1::Pod other = mirror;
  other.mutable_spec()->add_volumes()->mutable_secret()->set_secret_name("keys");
  EXPECT_THAT(MirrorProblem(other, "Node-1"), HasSubstr("not the node's"));
  other = mirror;
  other.mutable_metadata()->set_name("web-x");
  EXPECT_NE(MirrorProblem(other, "Node-1"), "");
  other = mirror;
  other.mutable_metadata()->clear_annotations();
  EXPECT_NE(MirrorProblem(other, "Node-1"), "");
}

}  // namespace
}  // namespace muster::model
