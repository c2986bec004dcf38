// Spec 14.5: an equal template restarts nothing. So every pod that a controller takes down, and
// every running container that an agent stops, has a reason. While a rollout is paused or halted,
// that a pod is of an older revision is none.

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/translate/translate.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

class NoNeedlessRestart final : public Invariant {
 public:
  absl::string_view name() const override { return "14.5 no restart without a reason"; }

  void OnCommit(const Sight& sight, const Commit& commit, const Report& report) override {
    for (const ObjectCommit& object : commit.objects) {
      if (object.before && !object.after && object.before->has_node())
        Excuse(sight, *object.before);
      if (commit.writer != Writer::kControllers) continue;
      if (!object.before || !object.before->has_pod()) continue;
      const v1::Pod& pod = object.before->pod();
      if (pod.metadata().has_deletion_timestamp()) continue;
      if (object.after && !object.after->pod().metadata().has_deletion_timestamp()) continue;
      if (!MayGo(sight, pod)) {
        report(absl::StrCat(object.key, " on ", NodeOf(pod), " is taken down without a reason"));
      }
    }
  }

  void OnCall(const Sight& sight, const Machine& machine, const std::string& line,
              const Report& report) override {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] != "StopContainer" && words[0] != "StopSandbox") return;
    for (const auto& [id, container] : running_[machine.name()]) {
      if (words[1] != (words[0] == "StopContainer" ? id : container.sandbox)) continue;
      const PodHistory* pod = sight.ledger.FindPod(container.pod_uid);
      if (pod == nullptr || pod->gone || excused_.contains(pod->uid)) continue;
      const v1::Object* object = sight.ledger.Find(pod->key);
      if (object == nullptr || object->pod().metadata().has_deletion_timestamp()) continue;
      if (IsTerminal(object->pod()) || !container.sandbox_ready) continue;
      report(absl::StrCat(machine.name(), ": ", words[0], " of ", pod->key,
                          ", which nobody asked for"));
    }
  }

  void OnRuntime(const Sight&, const Machine& machine, const Report& report) override {
    std::set<std::string> ready;
    for (const agent::SandboxStatus& sandbox : machine.runtime().sandboxes()) {
      if (sandbox.state == agent::SandboxState::kReady) ready.insert(sandbox.id);
    }
    std::map<std::string, Container>& running = running_[machine.name()];
    running.clear();
    std::set<std::string> names;
    for (const agent::ContainerStatus& container : machine.runtime().containers()) {
      if (container.state != agent::ContainerState::kRunning) continue;
      if (!container.labels.contains(agent::kLabelNodeUid)) continue;
      const std::string& uid = container.labels.at(agent::kLabelPodUid);
      running[container.id] = {uid, container.sandbox_id, ready.contains(container.sandbox_id)};
      if (!names.insert(absl::StrCat(uid, "/", container.name)).second) {
        report(absl::StrCat(machine.name(), " runs container ", container.name, " of pod ", uid,
                            " twice"));
      }
    }
  }

 private:
  struct Container {
    std::string pod_uid, sandbox;
    bool sandbox_ready = false;
  };

  // Told that it is no node any more, an agent stops everything it has.
  void Excuse(const Sight& sight, const v1::Object& node) {
    for (const auto& [key, object] : sight.ledger.now()) {
      if (!object->has_pod() || NodeOf(object->pod()) != node.node().metadata().name()) continue;
      excused_.insert(object->pod().metadata().uid());
    }
  }

  // Is its rollout paused or halted, and have the controllers learned of nothing new since?
  static bool IsHeld(const v1::DaemonSet& owner) {
    const v1::DaemonSetRollout& rollout = owner.status().rollout();
    return (IsPaused(owner) || !rollout.halt_reason().empty()) && !rollout.complete() &&
           owner.status().observed_generation() == owner.metadata().generation() &&
           AnnotationOf(owner.metadata(), "muster.dev/rollout-request").empty() &&
           AnnotationOf(owner.metadata(), kOverrides).empty() && !RollsOnConfig(owner);
  }

  // A guarded rollout makes missing pods from the revision before: what its pods had read then, the
  // ledger cannot tell, only that they have not all read the same.
  static bool DigestsDiffer(const std::map<std::string, std::vector<const v1::Pod*>>& pods) {
    std::set<std::string> digests;
    for (const auto& [node, here] : pods) {
      for (const v1::Pod* pod : here) {
        digests.insert(AnnotationOf(pod->metadata(), "muster.dev/config-digest"));
      }
    }
    return digests.size() > 1;
  }

  // Is it of an older revision than the newest, which was there already when it was made? So are
  // the pods that nodes lack while a rollout is held. They read what is there by then, but are not
  // of the revision that says so, and are replaced when the rollout goes on.
  static bool StandsIn(const v1::Pod& pod, const std::string& owner_uid, const Objects& objects) {
    constexpr char kPrefix[] = "/controllerrevisions/";
    const v1::ControllerRevision* newest = nullptr;
    for (auto it = objects.lower_bound(kPrefix);
         it != objects.end() && absl::StartsWith(it->first, kPrefix); ++it) {
      const v1::ControllerRevision& revision = it->second->controller_revision();
      if (OwnerUidOf(revision.metadata()) != owner_uid) continue;
      if (newest == nullptr || revision.revision() > newest->revision()) newest = &revision;
    }
    constexpr char kHash[] = "controller-revision-hash";
    if (newest == nullptr || !newest->metadata().labels().contains(kHash)) return false;
    const auto its = pod.metadata().labels().find(kHash);
    return its != pod.metadata().labels().end() &&
           its->second != newest->metadata().labels().at(kHash) &&
           pod.metadata().creation_timestamp().seconds() >=
               newest->metadata().creation_timestamp().seconds();
  }

  static bool MayGo(const Sight& sight, const v1::Pod& pod) {
    const std::string uid = OwnerUidOf(pod.metadata());
    const v1::DaemonSet* owner = DaemonSetIn(sight.ledger.seen(), uid);
    if (owner == nullptr || owner->metadata().has_deletion_timestamp()) return true;
    const auto nodes = NodesIn(sight.ledger.seen());
    const auto node = nodes.find(NodeOf(pod));
    if (node == nodes.end() || !ShouldContinue(*owner, *node->second)) return true;
    if (IsTerminal(pod)) return true;
    int live = 0;
    auto pods = PodsOf(sight.ledger.seen(), uid);
    for (const v1::Pod* other : pods[NodeOf(pod)]) {
      if (!other->metadata().has_deletion_timestamp()) ++live;
    }
    if (live > 1) return true;
    if (IsHeld(*owner)) return false;
    if (RollsOnConfig(*owner) && (DigestsDiffer(pods) || StandsIn(pod, uid, sight.ledger.seen()))) {
      return true;
    }
    return owner->spec().update_strategy().type() == "RollingUpdate" &&
           !IsCurrent(pod, *owner, node->second, sight.ledger.seen(), sight.ledger);
  }

  std::map<std::string, std::map<std::string, Container>> running_;  // Machine -> container id.
  std::set<std::string> excused_;                                    // Uids of pods.
};

}  // namespace

std::unique_ptr<Invariant> NewNoNeedlessRestart() { return std::make_unique<NoNeedlessRestart>(); }

}  // namespace muster::simulation
