// Pulling ahead through the store: several DaemonSets, one limit, and a coordinator that is
// restarted before every look.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "coordinator/admission/admit.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/controllers/loop_fixture.h"

namespace muster::coordinator {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class PrePullKeepingTest : public ControllerLoopTest {
 protected:
  void Begin(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      v1::Object object;
      *object.mutable_daemon_set() = DaemonSetNamed(name);
      (*object.mutable_daemon_set()
            ->mutable_metadata()
            ->mutable_annotations())["muster.dev/pre-pull"] = "true";
      Create(Admit(object, nullptr, clock_.Wall()).object);
    }
    Turns(5);
  }
  void Release(const std::string& name) {
    const v1::Object stored = *objects_.Get(v1::Object::kDaemonSet, "default", name);
    v1::Object changed = stored;
    changed.mutable_daemon_set()
        ->mutable_spec()
        ->mutable_template_()
        ->mutable_spec()
        ->mutable_containers(0)
        ->set_image("image:2");
    Update(Admit(changed, &stored, clock_.Wall()).object);
  }
  void Turns(int count) {
    for (int i = 0; i < count; ++i) {
      if (restarts_) Restart();
      ASSERT_TRUE(Settle());
      for (v1::Object& object : List(v1::Object::kPod)) Live(std::move(object));
      clock_.Advance(1s);
    }
  }
  // "DaemonSet/node" of every pull that is under way.
  std::vector<std::string> UnderWay() {
    std::vector<std::string> pulls;
    for (const v1::Object& object : List(v1::Object::kPod)) {
      const v1::Pod& pod = object.pod();
      const auto facts = PodFactsOf(pod).pre_pull.facts;
      if (facts == nullptr || facts->answer != PrePullFacts::Answer::kNone) continue;
      pulls.push_back(pod.metadata().labels().at("app") + "/" + pod.spec().node_name());
    }
    return pulls;
  }
  void Answer(const std::string& daemon_set) {
    for (v1::Object object : List(v1::Object::kPod)) {
      v1::Pod& pod = *object.mutable_pod();
      if (pod.metadata().labels().at("app") != daemon_set || !pod.has_pre_pull()) continue;
      v1::PodPrePullStatus& answer = *pod.mutable_status()->mutable_pre_pull();
      answer.set_revision(pod.pre_pull().revision());
      answer.set_attempt(pod.pre_pull().attempt());
      answer.set_phase("Pulled");
      Update(std::move(object));
    }
  }
  std::vector<std::string> NodesWith(const std::string& image) {
    std::vector<std::string> nodes;
    for (const v1::Object& object : List(v1::Object::kPod)) {
      if (object.pod().spec().containers(0).image() == image) {
        nodes.push_back(object.pod().spec().node_name());
      }
    }
    return nodes;
  }

  bool restarts_ = true;

 private:
  void Live(v1::Object object) {
    v1::Pod& pod = *object.mutable_pod();
    if (pod.metadata().has_deletion_timestamp()) {
      return Delete(v1::Object::kPod, pod.metadata().namespace_(), pod.metadata().name());
    }
    if (pod.status().has_start_time()) return;
    *pod.mutable_status()->mutable_start_time() = FromWallTime(clock_.Wall());
    muster::coordinator::SetReady(pod, true, clock_.Wall());
    Update(std::move(object));
  }
};

TEST_F(PrePullKeepingTest, WhatIsAskedForAndWhatIsThereOutlivesEveryRestart) {
  options_.plan.pulls_max = 2;
  Begin({"web"});
  Release("web");
  Turns(5);
  EXPECT_THAT(UnderWay(), UnorderedElementsAre("web/node-1", "web/node-2"));
  EXPECT_THAT(NodesWith("image:2"), IsEmpty());
  Answer("web");
  Turns(5);
  EXPECT_THAT(NodesWith("image:2"), UnorderedElementsAre("node-1", "node-2"));
  EXPECT_THAT(UnderWay(), ElementsAre("web/node-3"));
  Answer("web");
  Turns(5);
  EXPECT_THAT(NodesWith("image:2"), SizeIs(3));
}

TEST_F(PrePullKeepingTest, DaemonSetsShareOneLimitAndNobodyStarves) {
  for (const bool restarts : {true, false}) {
    restarts_ = restarts;
    options_.plan.pulls_max = 2;
    Restart();
    Begin({restarts ? "log" : "log2", restarts ? "web" : "web2"});
    const std::string log = restarts ? "log" : "log2", web = restarts ? "web" : "web2";
    Release(log);
    Turns(3);
    EXPECT_THAT(UnderWay(), UnorderedElementsAre(log + "/node-1", log + "/node-2"));
    Release(web);
    Turns(3);
    EXPECT_THAT(UnderWay(), SizeIs(2));
    Answer(log);
    Turns(3);
    // The one that waited has its turn, although the first would have more to pull.
    EXPECT_THAT(UnderWay(), SizeIs(2));
    EXPECT_THAT(UnderWay(), Contains(web + "/node-1"));
    for (int i = 0; i < 10; ++i) {
      Answer(log);
      Answer(web);
      Turns(3);
      EXPECT_LE(UnderWay().size(), 2u);
    }
    EXPECT_THAT(UnderWay(), IsEmpty());
    EXPECT_THAT(NodesWith("image:2"), SizeIs(restarts ? 6 : 12));
  }
}

TEST_F(PrePullKeepingTest, WhoWaitsForOthersGoesOnWhenTheyAreDone) {
  restarts_ = false;
  options_.plan.pulls_max = 1;
  Restart();
  Begin({"log", "web"});
  Release("web");
  ASSERT_TRUE(Settle());
  EXPECT_THAT(UnderWay(), ElementsAre("web/node-1"));
  Release("log");
  ASSERT_TRUE(Settle());
  EXPECT_THAT(UnderWay(), ElementsAre("web/node-1"));
  // Only web's pod changes, and log is looked at before it.
  Answer("web");
  Pass(0s);
  EXPECT_THAT(UnderWay(), SizeIs(1));
  EXPECT_EQ(UnderWay()[0], "log/node-1");
}

}  // namespace
}  // namespace muster::coordinator
