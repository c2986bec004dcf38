// pod-lifecycle.md, 21: the objects that stand for static pods.
#include "coordinator/session/mirror_pods.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/model/static_pod.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MirrorPodsTest : public ::testing::Test {
 protected:
  MirrorPodsTest() { PutNode("node-uid"); }
  void PutNode(const std::string& uid) {
    v1::Object node;
    node.mutable_node()->mutable_metadata()->set_name("n1");
    node.mutable_node()->mutable_metadata()->set_uid(uid);
    ASSERT_TRUE(store_.Transact({.writes = {{KeyOf(node), EncodeObject(node)}}}).ok());
  }
  static v1::Pod Static(const std::string& name, const std::string& image = "img:1",
                        const std::string& node = "n1") {
    v1::Pod manifest;
    manifest.mutable_metadata()->set_name(name);
    v1::Container& container = *manifest.mutable_spec()->add_containers();
    container.set_name("main");
    container.set_image(image);
    v1::Pod pod = model::MirrorOf(
        *model::MakeStaticPod(manifest, {node, "/etc/x.yaml", WallTime()}), "node-uid");
    pod.mutable_status()->set_phase("Running");
    return pod;
  }
  // Every pod of the store, as an index would show those of n1.
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const Listing listing = *store_.List("/pods/");
    for (const KeyValue& item : listing.items) names.push_back(item.key.substr(1));
    return names;
  }
  void Put(const v1::Pod& pod) {
    v1::Object object;
    *object.mutable_pod() = pod;
    ASSERT_TRUE(store_.Transact({.writes = {{KeyOf(object), EncodeObject(object)}}}).ok());
  }
  v1::Pod Get(const std::string& name) {
    const std::optional<KeyValue> stored = *store_.Get("/pods/default/" + name);
    return stored ? DecodeObject(*stored)->pod() : v1::Pod();
  }
  void Report(std::vector<v1::Pod> pods) {
    mirrors_.Report("n1", std::move(pods));
    EXPECT_EQ(mirrors_.Flush(), std::nullopt);
  }

  ManualClock clock_;
  MemoryStore store_;
  MirrorPods mirrors_{store_, clock_, [this](const std::string&) { return Names(); }};
};

TEST_F(MirrorPodsTest, MissingOnesAreMadeAsTheyAre) {
  Report({Static("a"), Static("b")});
  EXPECT_THAT(Names(), ElementsAre("pods/default/a-n1", "pods/default/b-n1"));
  EXPECT_EQ(Get("a-n1").status().phase(), "Running");
  EXPECT_EQ(Get("a-n1").metadata().generation(), 1);
  EXPECT_TRUE(Get("a-n1").metadata().has_creation_timestamp());
}

TEST_F(MirrorPodsTest, ANodeHasNoEndOfPodsOfItsOwnOnlyBecauseItSaysSo) {
  std::vector<v1::Pod> pods;
  for (int i = 0; i < 1'100; ++i) pods.push_back(Static(absl::StrCat("p", i)));
  Report(std::move(pods));
  EXPECT_THAT(Names(), ::testing::SizeIs(1'000));
}

TEST_F(MirrorPodsTest, SameReportWritesNothing) {
  Report({Static("a")});
  const int64_t revision = *store_.CurrentRevision();
  Report({Static("a")});
  EXPECT_EQ(*store_.CurrentRevision(), revision);
}

TEST_F(MirrorPodsTest, EditedOneIsReplacedAndOneThatIsGoneRemoved) {
  Report({Static("a"), Static("b")});
  Report({Static("a", "img:2")});
  EXPECT_THAT(Names(), ElementsAre("pods/default/a-n1"));
  EXPECT_EQ(Get("a-n1").spec().containers(0).image(), "img:2");
  EXPECT_EQ(Get("a-n1").metadata().uid(), Static("a", "img:2").metadata().uid());
  Report({});
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(MirrorPodsTest, OtherPodsOfTheNodeAreLeftAlone) {
  v1::Pod daemon;
  daemon.mutable_metadata()->set_namespace_("default");
  daemon.mutable_metadata()->set_name("a-n1");
  daemon.mutable_metadata()->set_uid("daemon");
  daemon.mutable_spec()->set_node_name("n1");
  Put(daemon);
  Report({Static("a")});
  EXPECT_EQ(Get("a-n1").metadata().uid(), "daemon");
  Report({});
  EXPECT_EQ(Get("a-n1").metadata().uid(), "daemon");
}

TEST_F(MirrorPodsTest, OwnerIsTheNodeWhateverItSays) {
  v1::Pod sly = Static("a");
  v1::OwnerReference& owner = *sly.mutable_metadata()->mutable_owner_references(0);
  owner.set_kind("DaemonSet");
  owner.set_uid("somebody-elses");
  sly.mutable_metadata()->add_finalizers("stay/for-ever");
  Report({sly});
  ASSERT_EQ(Get("a-n1").metadata().owner_references_size(), 1);
  EXPECT_EQ(Get("a-n1").metadata().owner_references(0).kind(), "Node");
  EXPECT_EQ(Get("a-n1").metadata().owner_references(0).uid(), "node-uid");
  EXPECT_THAT(Get("a-n1").metadata().finalizers(), IsEmpty());
}

TEST_F(MirrorPodsTest, NodeThatIsAnotherOneGetsItAnew) {
  Report({Static("a")});
  PutNode("node-uid-2");
  Report({Static("a")});
  EXPECT_EQ(Get("a-n1").metadata().owner_references(0).uid(), "node-uid-2");
}

TEST_F(MirrorPodsTest, NodeThatIsGoneGetsNothingMade) {
  v1::Object node;
  node.mutable_node()->mutable_metadata()->set_name("n1");
  ASSERT_TRUE(store_.Transact({.writes = {{KeyOf(node), std::nullopt}}}).ok());
  Report({Static("a")});
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(MirrorPodsTest, ItsWordIsTakenBeforeTheObjectIsSeenAndNotAfterItIsForgotten) {
  EXPECT_FALSE(mirrors_.Knows("n1", "pods/default/a-n1"));
  Report({Static("a")});
  EXPECT_TRUE(mirrors_.Knows("n1", "pods/default/a-n1"));
  EXPECT_FALSE(mirrors_.Knows("n2", "pods/default/a-n1"));
  EXPECT_FALSE(mirrors_.Knows("n1", "pods/default/b-n1"));
  mirrors_.ForgetNode("n1");
  EXPECT_FALSE(mirrors_.Knows("n1", "pods/default/a-n1"));
}

TEST_F(MirrorPodsTest, NodeGetsNothingOfOthers) {
  Put(Static("c", "img:1", "n2"));
  v1::Pod greedy = Static("greedy");
  greedy.mutable_spec()->add_volumes()->mutable_secret()->set_secret_name("keys");
  Report({greedy, Static("d", "img:1", "n2")});
  EXPECT_THAT(Names(), ElementsAre("pods/default/c-n2"));
}

}  // namespace
}  // namespace muster::coordinator
