// Random fleets and faults: what a DaemonJob never does. Every look of the controller is made from
// the stored objects alone, and some of what it decides is never written, so each of these runs is
// also one in which the coordinator is killed all the time.

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/model/taints.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonjob/fixtures.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;

constexpr uint64_t kSeeds = 60;
constexpr int kSteps = 150;

class RandomJob {
 public:
  explicit RandomJob(uint64_t seed) : random_(seed) {
    scene_.random = SharedSeeded(seed);
    scene_.AddNodes(Between(1, 8));
    never_ = Chance(0.5);
    scene_.job = JobNamed("once", never_ ? "Never" : "OnFailure");
    scene_.job.mutable_spec()->set_backoff_limit(Between(0, 3));
    if (Chance(0.3)) scene_.limits = {.creates_max = 2, .steps_max = 2};
    Parallelize();
  }

  void Run() {
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      Disturb();
      LiveOnNodes();
      Look();
    }
    if (!testing::Test::HasFailure()) CheckEnd();
  }

 private:
  int Between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool Chance(double p) { return std::bernoulli_distribution(p)(random_); }
  v1::Node& AnyNode() {
    return scene_.nodes[Between(0, static_cast<int>(scene_.nodes.size()) - 1)];
  }

  void Parallelize() {
    auto& parallelism = *scene_.job.mutable_spec()->mutable_parallelism();
    if (Chance(0.5)) {
      parallelism.set_int_value(Between(0, 4));
    } else {
      parallelism.set_string_value(std::to_string(Between(1, 100)) + "%");
    }
  }

  static void Toggle(v1::Node& node, const std::string& key, const char* effect) {
    auto& taints = *node.mutable_spec()->mutable_taints();
    for (int i = 0; i < taints.size(); ++i) {
      if (taints[i].key() != key) continue;
      taints.DeleteSubrange(i, 1);
      return;
    }
    AddTaint(node, key, effect);
  }

  // What users and machines do.
  void Disturb() {
    if (Chance(0.05)) Parallelize();
    if (Chance(0.05)) scene_.job.mutable_spec()->set_suspend(!scene_.job.spec().suspend());
    if (Chance(0.02)) {
      scene_.job.mutable_spec()->set_backoff_limit(scene_.job.spec().backoff_limit() + 1);
    }
    if (Chance(0.1)) Toggle(AnyNode(), "mine", Chance(0.5) ? "NoSchedule" : "NoExecute");
    if (Chance(0.1)) Toggle(AnyNode(), std::string(model::kUnreachableTaint), "NoExecute");
    if (Chance(0.05)) Replace(AnyNode());
    if (Chance(0.03) && scene_.nodes.size() > 1) scene_.nodes.erase(scene_.nodes.begin());
    if (Chance(0.05)) scene_.nodes.push_back(NodeNamed("node-" + std::to_string(next_node_++)));
    if (Chance(0.15) && !scene_.pods.empty()) {
      scene_.MarkDeleted(scene_.pods[Between(0, static_cast<int>(scene_.pods.size()) - 1)]);
    }
    scene_.Pass(seconds(Between(0, 30)));
  }

  // The machine is set up anew under its name.
  void Replace(v1::Node& node) {
    node = NodeNamed(node.metadata().name());
    node.mutable_metadata()->set_uid("uid-" + std::to_string(next_uid_++));
  }

  bool IsThere(const std::string& node_uid) const {
    for (const v1::Node& node : scene_.nodes) {
      if (node.metadata().uid() == node_uid) return true;
    }
    return false;
  }

  // What agents do, and for nodes that are gone the garbage collector.
  void LiveOnNodes() {
    const std::vector<v1::Pod> pods = scene_.pods;
    for (const v1::Pod& each : pods) {
      v1::Pod& pod = *scene_.FindPod(each.metadata().name());
      const RunFacts facts = RunFactsOf(pod);
      if (facts.terminal()) {
        if (facts.terminating && !facts.tracked) scene_.RemovePod(facts.name);
        continue;
      }
      const std::string& uid = facts.node_uid;
      if (!IsThere(uid) && !NameIsThere(facts.node)) {
        if (!facts.terminating && Chance(0.3)) {
          pod.mutable_status()->set_phase("Failed");
          Terminate(pod);
        } else if (facts.terminating && !facts.tracked) {
          scene_.RemovePod(facts.name);
        }
        continue;
      }
      if (!Chance(0.4)) continue;
      if (facts.terminating && !facts.tracked) {
        scene_.RemovePod(facts.name);
      } else if (facts.terminating && Chance(0.7)) {
        Interrupt(pod);
      } else if (IsThere(uid)) {
        EndByItself(pod, uid);
      }
    }
  }

  bool NameIsThere(const std::string& name) const {
    for (const v1::Node& node : scene_.nodes) {
      if (node.metadata().name() == name) return true;
    }
    return false;
  }

  void EndByItself(v1::Pod& pod, const std::string& uid) {
    if (Chance(0.4)) {
      End(pod, 0, scene_.now.wall);
      succeeded_.insert(uid);
      return;
    }
    ++failures_[uid];
    if (never_) return End(pod, 3, scene_.now.wall);
    // Its agent starts it again.
    pod.mutable_status()->set_phase("Running");
    if (pod.status().container_statuses().empty()) pod.mutable_status()->add_container_statuses();
    v1::ContainerStatus& status = *pod.mutable_status()->mutable_container_statuses(0);
    status.set_restart_count(status.restart_count() + 1);
    status.mutable_state()->mutable_running();
    status.mutable_last_state()->mutable_terminated()->set_exit_code(3);
  }

  void Look() {
    const DaemonJobPlan plan = scene_.Plan();
    if (Chance(0.2)) return;  // Killed before it was written.
    for (const v1::Pod& pod : plan.create) CheckCreation(pod);
    scene_.Apply(plan);
    if (!plan.create.empty()) CheckParallelism();
  }

  void CheckCreation(const v1::Pod& pod) {
    const RunFacts facts = RunFactsOf(pod);
    EXPECT_FALSE(succeeded_.contains(facts.node_uid)) << facts.node << " has succeeded before";
    EXPECT_EQ(scene_.LiveOn(facts.node), nullptr) << "two runs on " << facts.node;
    EXPECT_FALSE(scene_.job.spec().suspend());
    const v1::Node& node = scene_.NodeAt(facts.node);
    EXPECT_TRUE(JobRules(scene_.job).placement.Judge(node).should_run) << facts.node;
  }

  void CheckParallelism() {
    const JobRules rules(scene_.job);
    int32_t desired = 0;
    for (const v1::Node& node : scene_.nodes) {
      if (rules.placement.Judge(node).should_run) ++desired;
    }
    std::set<std::string> busy;
    for (const v1::Pod& pod : scene_.pods) {
      const RunFacts facts = RunFactsOf(pod);
      if (!facts.terminal() && NameIsThere(facts.node)) busy.insert(facts.node);
    }
    EXPECT_LE(static_cast<int32_t>(busy.size()), ParallelNodes(scene_.job, desired));
  }

  // Once everybody is left in peace, every node has its outcome, and it is the true one.
  void CheckEnd() {
    scene_.job.mutable_spec()->set_suspend(false);
    scene_.job.mutable_spec()->mutable_parallelism()->set_string_value("100%");
    for (v1::Node& node : scene_.nodes) node.mutable_spec()->clear_taints();
    for (int i = 0; i < 200; ++i) {
      LiveOnNodes();
      scene_.Pass(seconds(360));
      scene_.Apply(scene_.Plan());
    }
    EXPECT_TRUE(scene_.Plan().settled());
    const v1::DaemonJobStatus& status = scene_.job.status();
    const int32_t nodes = static_cast<int32_t>(scene_.nodes.size());
    EXPECT_EQ(status.desired(), nodes);
    EXPECT_EQ(status.active(), 0);
    EXPECT_EQ(status.succeeded() + status.failed(), nodes);
    EXPECT_EQ(status.nodes_size(), nodes);
    for (const v1::Node& node : scene_.nodes) {
      const std::string& uid = node.metadata().uid();
      const v1::DaemonJobNode* record = scene_.Record(node.metadata().name());
      ASSERT_NE(record, nullptr) << node.metadata().name();
      EXPECT_EQ(record->node_uid(), uid);
      EXPECT_EQ(record->outcome() == "Succeeded", succeeded_.contains(uid));
      if (record->outcome() == "Failed") {
        EXPECT_GT(record->failures(), scene_.job.spec().backoff_limit());
        EXPECT_GE(failures_[uid], record->failures());
      }
      if (never_) {
        EXPECT_EQ(record->failures(), failures_[uid]) << node.metadata().name();
      }
    }
    const bool complete = ConditionOf(scene_.job, "Complete") == "True AllNodesSucceeded";
    EXPECT_EQ(complete, status.failed() == 0);
    EXPECT_EQ(ConditionOf(scene_.job, "Failed") == "True BackoffLimitExceeded", !complete);
  }

  std::mt19937_64 random_;
  JobScene scene_;
  bool never_ = true;
  int next_node_ = 100;
  int next_uid_ = 1;
  // By the uid of the node: what really happened there.
  std::set<std::string> succeeded_;
  std::map<std::string, int> failures_;
};

TEST(DaemonJobProperty, EachNodeSucceedsAtMostOnceAndEveryRunIsCountedOnce) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomJob(seed).Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace muster::coordinator
