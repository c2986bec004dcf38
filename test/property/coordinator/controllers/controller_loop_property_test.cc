// The controller loop on random fleets: nodes join, leave, change and fall silent, pods fail, users
// change their minds, commits fail or conflict or lose their answer, and the coordinator restarts,
// all at any step. What has to hold always is checked after each step of the loop; what has to hold
// in the end once the fleet is left alone.

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/model/quantity.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/placement/placement.h"
#include "gtest/gtest.h"
#include "spdlog/spdlog.h"
#include "test/unit/coordinator/controllers/loop_fixture.h"

namespace muster::coordinator {
namespace {

constexpr int kSteps = 250;

class Fleet final : public ControllerLoopTest {
 public:
  explicit Fleet(uint64_t seed) : dice_(seed) { spdlog::set_level(spdlog::level::off); }

  void TestBody() override {}

  void Run() {
    for (int i = 0; i < kSteps && !HasFailure(); ++i) {
      Disturb();
      if (Chance(10)) Restart();
      if (Chance(3)) Agents();
      Turn();
    }
    CalmDown();
  }

 private:
  bool Chance(int one_in) { return dice_() % one_in == 0; }
  template <typename Container>
  auto Pick(const Container& from) {
    auto it = from.begin();
    std::advance(it, dice_() % from.size());
    return *it;
  }

  // What may be written to the store is written by others too, so a conflict is no error here.
  void Write(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Update(std::move(object));
    (void)objects_.Commit(std::move(transaction));
  }

  // One step of the loop, somewhat later, and all that has to hold after it.
  void Turn() {
    if (Chance(2)) clock_.Advance(std::chrono::milliseconds(dice_() % 3'000));
    // Sometimes the watch is late.
    if (!Chance(5)) store_.Deliver();
    const bool current = !Chance(5);
    if (current) store_.Deliver();
    const std::vector<v1::Object> nodes = List(v1::Object::kNode);
    const std::set<std::string> before = PodUids();
    const std::vector<v1::Object> daemon_sets = List(v1::Object::kDaemonSet);
    loop_->Step();
    CheckAlways();
    if (current) CheckCreated(before, nodes, daemon_sets);
  }

  void Disturb() {
    switch (dice_() % 14) {
      case 0:
        if (List(v1::Object::kNode).size() < 8) Join("n" + std::to_string(dice_() % 8));
        break;
      case 1:
        if (Chance(3)) Leave(Pick(List(v1::Object::kNode)));
        break;
      case 2: {
        v1::Object node = Pick(List(v1::Object::kNode));
        (*node.mutable_node()->mutable_metadata()->mutable_labels())["zone"] = Pick(zones_);
        Write(std::move(node));
        break;
      }
      case 3: {
        v1::Object node = Pick(List(v1::Object::kNode));
        if (Chance(2)) {
          node.mutable_node()->mutable_spec()->clear_taints();
        } else {
          AddTaint(*node.mutable_node(), "mine", Chance(3) ? "NoExecute" : "NoSchedule");
        }
        Write(std::move(node));
        break;
      }
      case 4: {
        v1::Object node = Pick(List(v1::Object::kNode));
        node.mutable_node()->mutable_spec()->set_unschedulable(Chance(2));
        Write(std::move(node));
        break;
      }
      case 5: {
        const std::string node = Pick(List(v1::Object::kNode)).node().metadata().name();
        if (Chance(2)) {
          FallSilent(node);
        } else {
          BreakStream(node);
        }
        break;
      }
      case 6:
        if (!contacts_.empty()) Heal(Pick(contacts_).first);
        break;
      case 7:
        if (List(v1::Object::kDaemonSet).size() < 4) AddDaemonSet();
        break;
      case 8:
        if (const auto all = List(v1::Object::kDaemonSet); !all.empty()) ChangeTemplate(Pick(all));
        break;
      case 9:
        if (const auto all = List(v1::Object::kDaemonSet); !all.empty() && Chance(4)) {
          ObjectTransaction transaction;
          transaction.DeleteAny(v1::Object::kDaemonSet, "default",
                                Pick(all).daemon_set().metadata().name());
          (void)objects_.Commit(std::move(transaction));
        }
        break;
      case 10:
        if (Chance(2)) AddBarePod();
        break;
      case 11:
        store_.FailNextTransact(Chance(2) ? absl::AbortedError("changed meanwhile")
                                          : absl::UnavailableError("the disk is away"));
        break;
      case 12:
        store_.InjectFault({.status = absl::UnavailableError("timed out"), .committed = true});
        break;
      case 13:
        if (Chance(4)) store_.BreakWatches(absl::DataLossError("compacted"));
        break;
    }
  }

  void Join(const std::string& name) {
    if (objects_.Get(v1::Object::kNode, "", name).ok()) return;
    contacts_.erase(name);
    v1::Object object;
    v1::Node& node = *object.mutable_node();
    node = NodeNamed(name);
    node.mutable_metadata()->clear_uid();
    (*node.mutable_metadata()->mutable_labels())["zone"] = Pick(zones_);
    v1::NodeCondition& ready = *node.mutable_status()->add_conditions();
    ready.set_type("Ready");
    ready.set_status("True");
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    (void)objects_.Commit(std::move(transaction));
  }
  void Leave(const v1::Object& node) {
    if (List(v1::Object::kNode).size() < 2) return;
    ObjectTransaction transaction;
    transaction.DeleteAny(v1::Object::kNode, "", node.node().metadata().name());
    (void)objects_.Commit(std::move(transaction));
  }
  void Heal(std::string name) {  // A copy: it may be a key of what is erased from.
    contacts_.erase(name);
    absl::StatusOr<v1::Object> node = objects_.Get(v1::Object::kNode, "", name);
    if (node.ok()) {
      for (v1::NodeCondition& condition :
           *node->mutable_node()->mutable_status()->mutable_conditions()) {
        condition.set_status(condition.type() == "Ready" ? "True" : "False");
      }
      Write(*std::move(node));
    }
    loop_->TouchNode(name);
  }

  void AddDaemonSet() {
    const std::string name = "ds" + std::to_string(++names_);
    v1::Object object;
    v1::DaemonSet& daemon_set = *object.mutable_daemon_set();
    daemon_set = DaemonSetNamed(name);
    v1::PodSpec& pod = *daemon_set.mutable_spec()->mutable_template_()->mutable_spec();
    if (Chance(2)) (*pod.mutable_node_selector())["zone"] = Pick(zones_);
    (*pod.mutable_containers(0)->mutable_resources()->mutable_requests())["cpu"].set_text(
        std::to_string(1 + dice_() % 4));
    if (Chance(3)) pod.set_priority_class_name("system-node-critical");
    v1::RollingUpdateDaemonSet& rolling =
        *daemon_set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
    if (Chance(3)) {
      rolling.mutable_max_unavailable()->set_int_value(0);
      rolling.mutable_max_surge()->set_int_value(1);
    }
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    (void)objects_.Commit(std::move(transaction));
  }
  void ChangeTemplate(v1::Object object) {
    v1::DaemonSet& daemon_set = *object.mutable_daemon_set();
    daemon_set.mutable_metadata()->set_generation(daemon_set.metadata().generation() + 1);
    daemon_set.mutable_spec()
        ->mutable_template_()
        ->mutable_spec()
        ->mutable_containers(0)
        ->set_image("image:" + std::to_string(dice_() % 3));
    Write(std::move(object));
  }
  void AddBarePod() {
    v1::Object pod = BarePod("bare" + std::to_string(++names_), std::to_string(1 + dice_() % 3));
    if (Chance(2)) (*pod.mutable_pod()->mutable_spec()->mutable_node_selector())["zone"] = "a";
    ObjectTransaction transaction;
    transaction.Create(std::move(pod));
    (void)objects_.Commit(std::move(transaction));
  }

  // Agents that can be heard start, stop and lose pods. `well`: nothing fails.
  void Agents(bool well = false) {
    for (v1::Object object : List(v1::Object::kPod)) {
      const std::string node = object.pod().spec().node_name();
      if (node.empty() || contacts_.contains(node) || (!well && Chance(3))) continue;
      v1::Pod& pod = *object.mutable_pod();
      const PodFacts facts = PodFactsOf(pod);
      if (facts.terminating) {
        ObjectTransaction transaction;
        transaction.Delete(object);
        (void)objects_.Commit(std::move(transaction));
      } else if (!facts.terminal() && !well && Chance(12)) {
        pod.mutable_status()->set_phase(Chance(2) ? "Failed" : "Succeeded");
        Write(std::move(object));
      } else if (!facts.terminal() && !facts.ready) {
        muster::coordinator::SetReady(pod, true, clock_.Wall());
        Write(std::move(object));
      }
    }
  }

  std::set<std::string> PodUids() {
    std::set<std::string> uids;
    for (const v1::Object& pod : List(v1::Object::kPod)) uids.insert(pod.pod().metadata().uid());
    return uids;
  }

  void CheckAlways() {
    std::map<std::string, v1::DaemonSet> daemon_sets;
    for (const v1::Object& object : List(v1::Object::kDaemonSet)) {
      const v1::DaemonSet& daemon_set = object.daemon_set();
      const v1::DaemonSetStatus& status = daemon_set.status();
      daemon_sets[daemon_set.metadata().uid()] = daemon_set;
      int64_t& observed = observed_[daemon_set.metadata().uid()];
      EXPECT_LE(status.observed_generation(), daemon_set.metadata().generation());
      EXPECT_GE(status.observed_generation(), observed);
      observed = status.observed_generation();
      EXPECT_EQ(status.desired_number_scheduled(),
                status.number_available() + status.number_unavailable());
      EXPECT_LE(status.current_number_scheduled(), status.desired_number_scheduled());
    }
    std::map<std::pair<std::string, std::string>, int> held, live;
    std::map<std::tuple<std::string, std::string, std::string>, int> of_one_revision;
    std::map<std::string, model::Quantity> cpu;
    for (const v1::Object& object : List(v1::Object::kPod)) {
      const v1::Pod& pod = object.pod();
      const PodFacts facts = PodFactsOf(pod);
      if (facts.terminal()) continue;
      if (facts.bound) {
        for (const auto& [name, amount] : FootprintOf(pod).requests) {
          if (name == "cpu") cpu[facts.node] += amount;
        }
      }
      const v1::OwnerReference* owner = ControllerOf(pod.metadata());
      if (owner == nullptr || !daemon_sets.contains(owner->uid())) continue;
      ++held[{owner->uid(), facts.node}];
      if (facts.terminating) continue;
      ++live[{owner->uid(), facts.node}];
      ++of_one_revision[{owner->uid(), facts.node, facts.hash}];
    }
    for (const auto& [where, count] : held) {
      const bool surge = daemon_sets.at(where.first)
                             .spec()
                             .update_strategy()
                             .rolling_update()
                             .max_surge()
                             .int_value() > 0;
      EXPECT_LE(count, surge ? 3 : 1) << "pods of one DaemonSet on " << where.second;
    }
    for (const auto& [where, count] : live) EXPECT_LE(count, 2) << where.second;
    for (const auto& [where, count] : of_one_revision) EXPECT_LE(count, 1) << std::get<1>(where);
    // No node is promised more than it has.
    for (const auto& [node, amount] : cpu) EXPECT_LE(amount.MilliValue(), 8'000) << node;
  }

  // Nothing is created where nothing should run.
  void CheckCreated(const std::set<std::string>& before, const std::vector<v1::Object>& nodes,
                    const std::vector<v1::Object>& daemon_sets) {
    for (const v1::Object& object : List(v1::Object::kPod)) {
      const v1::Pod& pod = object.pod();
      if (before.contains(pod.metadata().uid())) continue;
      for (const v1::Object& owner : daemon_sets) {
        const v1::OwnerReference* reference = ControllerOf(pod.metadata());
        if (reference == nullptr || reference->uid() != owner.daemon_set().metadata().uid())
          continue;
        const std::string target = PodFactsOf(pod).node;
        bool should_run = false;
        for (const v1::Object& node : nodes) {
          if (node.node().metadata().name() != target) continue;
          should_run =
              ShouldRun(node.node(), owner.daemon_set().spec().template_().spec()).should_run;
        }
        EXPECT_TRUE(should_run) << pod.metadata().name() << " on " << target;
      }
    }
  }

  // Left alone, the fleet becomes what was asked for, and then nothing moves any more, not even
  // after a restart.
  void CalmDown() {
    if (HasFailure()) return;
    store_.DropFaults();
    while (!contacts_.empty()) Heal(contacts_.begin()->first);
    for (int round = 0; round < 200; ++round) {
      const int64_t before = Revision();
      for (int i = 0; i < 20; ++i) {
        store_.Deliver();
        loop_->Step();
        clock_.Advance(std::chrono::seconds(round < 100 ? 1 : 30));
      }
      Agents(true);
      if (Revision() == before && round > 70) break;
    }
    store_.Deliver();
    const int64_t settled = Revision();
    Restart();
    for (int i = 0; i < 5; ++i) {
      store_.Deliver();
      loop_->Step();
      clock_.Advance(std::chrono::milliseconds(500));
    }
    std::string written;
    const Listing all = *store_.List("");
    for (const KeyValue& item : all.items) {
      if (item.mod_revision <= settled) continue;
      written += item.key + " " + DecodeObject(item)->ShortDebugString() + "\n";
    }
    EXPECT_EQ(Revision(), settled) << "a restart of a settled fleet writes something:\n" << written;
    CheckAlways();
    CheckInTheEnd();
  }

  void CheckInTheEnd() {
    const std::vector<v1::Object> nodes = List(v1::Object::kNode);
    for (const v1::Object& object : List(v1::Object::kDaemonSet)) {
      const v1::DaemonSet& daemon_set = object.daemon_set();
      std::set<std::string> wanted, waiting, running;
      for (const v1::Object& node : nodes) {
        if (ShouldRun(node.node(), daemon_set.spec().template_().spec()).should_run) {
          wanted.insert(node.node().metadata().name());
        }
      }
      for (const v1::Object& each : List(v1::Object::kPod)) {
        const v1::OwnerReference* owner = ControllerOf(each.pod().metadata());
        if (owner == nullptr || owner->uid() != daemon_set.metadata().uid()) continue;
        const PodFacts facts = PodFactsOf(each.pod());
        (facts.ready ? running : waiting).insert(facts.node);
        EXPECT_TRUE(facts.bound || !WaitsFor(facts.name).empty()) << facts.name;
      }
      std::set<std::string> there = running;
      there.insert(waiting.begin(), waiting.end());
      for (const std::string& node : wanted) {
        EXPECT_TRUE(there.contains(node)) << daemon_set.metadata().name() << " on " << node;
      }
      // Counters agree with what is there.
      const v1::DaemonSetStatus& status = daemon_set.status();
      EXPECT_EQ(status.observed_generation(), daemon_set.metadata().generation());
      EXPECT_EQ(status.desired_number_scheduled(), static_cast<int>(wanted.size()));
      int ready = 0;
      for (const std::string& node : running) ready += wanted.contains(node) ? 1 : 0;
      EXPECT_EQ(status.number_ready(), ready) << daemon_set.metadata().name();
    }
    // A pod on a node that is not there is gone.
    std::set<std::string> names;
    for (const v1::Object& node : nodes) names.insert(node.node().metadata().name());
    for (const v1::Object& pod : List(v1::Object::kPod)) {
      const std::string& node = pod.pod().spec().node_name();
      EXPECT_TRUE(node.empty() || names.contains(node)) << node;
    }
  }

  const std::vector<std::string> zones_{"a", "b"};
  std::mt19937_64 dice_;
  std::map<std::string, int64_t> observed_;
  int names_ = 0;
};

TEST(ControllerLoopProperty, HoldsOnRandomFleets) {
  // MUSTER_SEED replays one.
  const char* one = std::getenv("MUSTER_SEED");
  const uint64_t first = one == nullptr ? 1 : std::strtoull(one, nullptr, 10);
  const uint64_t last = one == nullptr ? 20 : first;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("MUSTER_SEED=" + std::to_string(seed));
    Fleet(seed).Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace muster::coordinator
