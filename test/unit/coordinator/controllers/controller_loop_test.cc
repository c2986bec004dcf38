#include "coordinator/controllers/controller_loop.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// A whole coordinator's worth of controllers on a store in memory, turned by hand.
class ControllerLoopTest : public testing::Test {
 protected:
  ControllerLoopTest() {
    Restart();
    for (const char* name : {"node-1", "node-2", "node-3"}) AddNode(name);
  }

  // The loop as after a restart of the coordinator: nothing is left but the store.
  void Restart() {
    loop_ = std::make_unique<ControllerLoop>(
        objects_, clock_,
        [this](const std::string&) {
          return std::optional<NodeContact>({true, clock_.Mono()});
        },
        ControllerLoop::Options{}, [] {}, Seeded(3));
  }

  int64_t Revision() { return *store_.CurrentRevision(); }

  // Until a step writes nothing; false when there is no end to it.
  bool Settle() {
    for (int i = 0; i < 50; ++i) {
      const int64_t before = Revision();
      store_.Deliver();
      loop_->Step();
      if (Revision() == before) return true;
    }
    return false;
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
  void Delete(model::Kind kind, const std::string& ns, const std::string& name) {
    ObjectTransaction transaction;
    transaction.DeleteAny(kind, ns, name);
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void AddNode(const std::string& name) {
    v1::Object object;
    *object.mutable_node() = NodeNamed(name);
    v1::NodeCondition& ready = *object.mutable_node()->mutable_status()->add_conditions();
    ready.set_type("Ready");
    ready.set_status("True");
    Create(std::move(object));
  }
  void CreateDaemonSet() {
    v1::Object object;
    *object.mutable_daemon_set() = DaemonSetNamed("web");
    Create(std::move(object));
  }
  v1::Object Node(const std::string& name) { return *objects_.Get(v1::Object::kNode, "", name); }
  v1::Object DaemonSet() { return *objects_.Get(v1::Object::kDaemonSet, "default", "web"); }

  std::vector<v1::Object> List(model::Kind kind) {
    return objects_.List({.kind = kind, .ns = ""})->items;
  }
  // Nodes that pods are bound to and stay on, and those of pods that are marked to go.
  std::vector<std::string> Bound(bool terminating = false) {
    std::vector<std::string> nodes;
    for (const v1::Object& object : List(v1::Object::kPod)) {
      if (object.pod().metadata().has_deletion_timestamp() != terminating) continue;
      nodes.push_back(object.pod().spec().node_name());
    }
    return nodes;
  }

  ManualClock clock_{kWall};
  MemoryStore store_{MemoryStore::Options{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_, Seeded(2)};
  std::unique_ptr<ControllerLoop> loop_;
};

TEST_F(ControllerLoopTest, SettlesAndThenWritesNothing) {
  CreateDaemonSet();
  ASSERT_TRUE(Settle());
  const int64_t settled = Revision();
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(5s);
    store_.Deliver();
    loop_->Step();
  }
  EXPECT_EQ(Revision(), settled);
}

TEST_F(ControllerLoopTest, EveryNodeGetsABoundPodAndSoDoesOneThatJoins) {
  CreateDaemonSet();
  Settle();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_EQ(DaemonSet().daemon_set().status().current_number_scheduled(), 3);
  EXPECT_EQ(List(v1::Object::kControllerRevision).size(), 1u);
  AddNode("node-4");
  Settle();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3", "node-4"));
}

TEST_F(ControllerLoopTest, ANoExecuteTaintDrivesOutAndNoScheduleDoesNot) {
  CreateDaemonSet();
  Settle();
  v1::Object kept = Node("node-1");
  AddTaint(*kept.mutable_node(), "k", "NoSchedule");
  Update(kept);
  v1::Object left = Node("node-2");
  AddTaint(*left.mutable_node(), "k", "NoExecute");
  Update(left);
  Settle();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-3"));
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-2"));
  EXPECT_EQ(DaemonSet().daemon_set().status().number_misscheduled(), 2);
}

TEST_F(ControllerLoopTest, ANewLoopOnTheSameStoreChangesNoPod) {
  CreateDaemonSet();
  Settle();
  std::vector<std::string> before;
  for (const v1::Object& pod : List(v1::Object::kPod)) before.push_back(EncodeObject(pod));
  Restart();
  Settle();
  std::vector<std::string> after;
  for (const v1::Object& pod : List(v1::Object::kPod)) after.push_back(EncodeObject(pod));
  EXPECT_EQ(before, after);
}

// Spec: 4.2/background
TEST_F(ControllerLoopTest, ADaemonSetDeletedInTheBackgroundTakesItsPodsAndRevisions) {
  CreateDaemonSet();
  Settle();
  Delete(v1::Object::kDaemonSet, "default", "web");
  Settle();
  EXPECT_THAT(Bound(), IsEmpty());
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(List(v1::Object::kControllerRevision), IsEmpty());
}

// Spec: 11.4/quarantine
TEST_F(ControllerLoopTest, PodsOfADeletedNodeStayForTheQuarantineOnly) {
  CreateDaemonSet();
  Settle();
  Delete(v1::Object::kNode, "", "node-3");
  Settle();
  clock_.Advance(39s);
  Settle();
  EXPECT_EQ(List(v1::Object::kPod).size(), 3u);
  clock_.Advance(2s);
  Settle();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2"));
}

}  // namespace
}  // namespace muster::coordinator
