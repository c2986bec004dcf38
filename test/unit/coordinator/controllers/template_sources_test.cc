// What the controller loop makes of the annotations that change templates: configuration that
// rolls, and overrides with labels of nodes that change.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/controllers/controller_loop.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/templates/effective.h"
#include "coordinator/templates/node_overrides.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;

class TemplateSourcesTest : public testing::Test {
 protected:
  TemplateSourcesTest() {
    Restart();
    for (const char* name : {"a", "b"}) {
      v1::Object object;
      *object.mutable_node() = NodeNamed(name);
      v1::NodeCondition& ready = *object.mutable_node()->mutable_status()->add_conditions();
      ready.set_type("Ready");
      ready.set_status("True");
      Create(std::move(object));
    }
    daemon_set_ = DaemonSetNamed("web");
    daemon_set_.mutable_metadata()->clear_uid();
  }

  void Restart() {
    loop_ = std::make_unique<ControllerLoop>(
        objects_, clock_,
        [this](const std::string&) -> std::optional<NodeContact> {
          return NodeContact{true, false, clock_.Mono()};
        },
        ControllerLoop::Options{}, [] {}, Seeded(3));
  }

  void Create(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void Update(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Update(std::move(object));
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void CreateDaemonSet() {
    v1::Object object;
    *object.mutable_daemon_set() = daemon_set_;
    Create(std::move(object));
  }
  void SetConfig(const std::string& value) {
    v1::Object object;
    v1::ConfigMap& map = *object.mutable_config_map();
    map.mutable_metadata()->set_namespace_("default");
    map.mutable_metadata()->set_name("settings");
    (*map.mutable_data())["level"] = value;
    const auto stored = objects_.Get(v1::Object::kConfigMap, "default", "settings");
    if (!stored.ok()) return Create(std::move(object));
    *map.mutable_metadata() = stored->config_map().metadata();
    Update(std::move(object));
  }
  void Mention() {
    daemon_set_.mutable_spec()
        ->mutable_template_()
        ->mutable_spec()
        ->mutable_containers(0)
        ->add_env_from()
        ->mutable_config_map_ref()
        ->set_name("settings");
  }
  void Annotate(const std::string& key, const std::string& value) {
    (*daemon_set_.mutable_metadata()->mutable_annotations())[key] = value;
  }

  std::vector<v1::Object> Pods() { return objects_.List({v1::Object::kPod, ""})->items; }

  // As agents do: what is told to go is gone, what is bound runs and is ready.
  void Run() {
    for (int round = 0; round < 40; ++round) {
      clock_.Advance(std::chrono::seconds(1));  // What conflicts is tried again after a while.
      store_.Deliver();
      loop_->Step();
      store_.Deliver();
      for (const v1::Object& object : Pods()) {
        v1::Object pod = object;
        if (pod.pod().metadata().has_deletion_timestamp()) {
          ObjectTransaction transaction;
          transaction.Delete(pod);
          ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
        } else if (!pod.pod().spec().node_name().empty() && !PodFactsOf(pod.pod()).ready) {
          SetReady(*pod.mutable_pod(), true);
          Update(std::move(pod));
        }
      }
    }
  }

  // Of the pods, by node; names may come again.
  std::vector<std::string> Uids() {
    std::map<std::string, std::string> by_node;
    for (const v1::Object& object : Pods()) {
      by_node[TargetNode(object.pod().spec())] = object.pod().metadata().uid();
    }
    std::vector<std::string> uids;
    for (const auto& [node, uid] : by_node) uids.push_back(uid);
    return uids;
  }
  std::vector<std::string> Images() {
    std::map<std::string, std::string> by_node;
    for (const v1::Object& object : Pods()) {
      by_node[TargetNode(object.pod().spec())] = object.pod().spec().containers(0).image();
    }
    std::vector<std::string> images;
    for (const auto& [node, image] : by_node) images.push_back(image);
    return images;
  }
  size_t RevisionCount() {
    return objects_.List({v1::Object::kControllerRevision, ""})->items.size();
  }

  ManualClock clock_{kWall};
  MemoryStore store_{MemoryStore::Options{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_, Seeded(2)};
  std::unique_ptr<ControllerLoop> loop_;
  v1::DaemonSet daemon_set_;
};

TEST_F(TemplateSourcesTest, AChangeOfConfigurationIsARevisionThatRolls) {
  SetConfig("one");
  Mention();
  Annotate(kRollOnConfigAnnotation, "true");
  CreateDaemonSet();
  Run();
  const std::vector<std::string> before = Uids();
  ASSERT_EQ(before.size(), 2u);
  EXPECT_EQ(RevisionCount(), 1u);

  SetConfig("two");
  Run();
  const std::vector<std::string> after = Uids();
  ASSERT_EQ(after.size(), 2u);
  EXPECT_NE(after[0], before[0]);
  EXPECT_NE(after[1], before[1]);
  EXPECT_EQ(RevisionCount(), 2u);

  // A coordinator that starts anew sees the same configuration, and so does nothing.
  Restart();
  Run();
  EXPECT_EQ(Uids(), after);

  // What was there before is there again.
  SetConfig("one");
  Run();
  EXPECT_EQ(RevisionCount(), 2u);
}

TEST_F(TemplateSourcesTest, WithoutTheAnnotationConfigurationIsNotLookedAt) {
  SetConfig("one");
  Mention();
  CreateDaemonSet();
  Run();
  const std::vector<std::string> before = Uids();
  SetConfig("two");
  Run();
  EXPECT_EQ(Uids(), before);
  EXPECT_EQ(RevisionCount(), 1u);
}

TEST_F(TemplateSourcesTest, OverridesFollowTheLabelsOfNodes) {
  Annotate(kOverridesAnnotation,
           "- {selector: {tier: big}, containers: [{name: main, image: 'image:big'}]}");
  CreateDaemonSet();
  Run();
  EXPECT_THAT(Images(), ElementsAre("image:1", "image:1"));
  const std::vector<std::string> before = Uids();

  v1::Object node = *objects_.Get(v1::Object::kNode, "", "b");
  (*node.mutable_node()->mutable_metadata()->mutable_labels())["tier"] = "big";
  Update(std::move(node));
  Run();
  EXPECT_THAT(Images(), ElementsAre("image:1", "image:big"));
  EXPECT_EQ(Uids()[0], before[0]);
}

}  // namespace
}  // namespace muster::coordinator
