#include "coordinator/explain/explain.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/taints.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/daemonset/rollout.h"
#include "coordinator/daemonset/rollout_stages.h"
#include "coordinator/daemonset/update_budget.h"
#include "coordinator/explain/pod_trouble.h"
#include "coordinator/explain/room.h"
#include "coordinator/nodes/node_health.h"
#include "coordinator/policy/rollout_policy.h"
#include "coordinator/table/age.h"

namespace muster::coordinator {
namespace {

constexpr size_t kNamedMax = 3;

using PodPointers = std::vector<const v1::Pod*>;

Explanation Say(Cause cause, std::string line) {
  Explanation said;
  said.cause = cause;
  said.line = std::move(line);
  return said;
}

std::string NameOf(const v1::Pod& pod) {
  return absl::StrCat(pod.metadata().namespace_(), "/", pod.metadata().name());
}

const v1::NodeCondition* ReadyCondition(const v1::Node& node) {
  for (const v1::NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == "Ready") return &condition;
  }
  return nullptr;
}

// What is wrong with the node itself; nothing when its agent says that it is ready.
std::optional<Explanation> FindNodeTrouble(const v1::Node& node, WallTime now) {
  const v1::NodeCondition* ready = ReadyCondition(node);
  const std::string& name = node.metadata().name();
  if (ready == nullptr || ready->reason() == "NodeStatusNeverUpdated") {
    return Say(Cause::kNeverReported,
               absl::StrCat("agent never reported: node ", name,
                            " was enrolled, and its muster-agent has not been heard since"));
  }
  if (ready->status() == "Unknown") {
    return Say(Cause::kNodeLost, absl::StrCat("node lost: ", name, " has been silent for ",
                                              AgeOf(ready->last_transition_time(), now)));
  }
  if (ready->status() == "False") {
    return Say(Cause::kNodeNotReady,
               absl::StrCat("node not ready: ", name, " says: ",
                            ready->message().empty() ? ready->reason() : ready->message()));
  }
  return std::nullopt;
}

std::vector<const v1::Event*> EventsAbout(const v1::Pod& pod,
                                          const std::vector<const v1::Event*>& events) {
  std::vector<const v1::Event*> about;
  for (const v1::Event* event : events) {
    if (event->involved_object().uid() == pod.metadata().uid()) about.push_back(event);
  }
  return about;
}

Explanation Running(const v1::Pod& pod, WallTime now) {
  Explanation said = Say(Cause::kRunning, absl::StrCat("running: pod ", NameOf(pod), " is ready"));
  for (const v1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() != "Ready" || IsUnset(condition.last_transition_time())) continue;
    absl::StrAppend(&said.line, " for ", AgeOf(condition.last_transition_time(), now));
  }
  return said;
}

class Explainer {
 public:
  Explainer(const ExplainInput& input, const std::string& node_name)
      : input_(input), node_name_(node_name) {
    for (const v1::Node* node : input.world.nodes) {
      if (node->metadata().name() == node_name) node_ = node;
    }
    const NodeVerdict* verdict = input.survey.roster.Find(node_name);
    if (verdict != nullptr) verdict_ = *verdict;
    for (const v1::Pod* pod : input.world.pods) {
      const v1::OwnerReference* owner = ControllerOf(pod->metadata());
      if (owner == nullptr || owner->uid() != input.world.daemon_set.metadata().uid()) continue;
      if (TargetNode(pod->spec()) == node_name) pods_.push_back(pod);
    }
  }

  Explanation Run() {
    if (auto found = DaemonSetAsWhole()) return *std::move(found);
    if (node_ == nullptr) return NodeUnknown();
    if (auto found = Placed()) return *std::move(found);
    if (auto found = FindNodeTrouble(*node_, now())) {
      TellOfPods(*found);
      return *std::move(found);
    }
    const v1::Pod* pod = PodToSpeakOf();
    if (pod == nullptr) return NoPod();
    if (auto found = Bound(*pod)) return *std::move(found);
    std::optional<Explanation> trouble =
        FindPodTrouble(*pod, EventsAbout(*pod, input_.events), now());
    if (auto found = InRollout(*pod, trouble)) return *std::move(found);
    if (trouble) return *std::move(trouble);
    if (auto found = MinReady(*pod)) return *std::move(found);
    return Running(*pod, now());
  }

 private:
  WallTime now() const { return input_.world.now.wall; }
  const v1::DaemonSet& daemon_set() const { return input_.world.daemon_set; }

  std::optional<Explanation> DaemonSetAsWhole() const {
    const v1::ObjectMeta& meta = daemon_set().metadata();
    if (meta.has_deletion_timestamp()) {
      return Say(Cause::kBeingDeleted, absl::StrCat("being deleted: daemon set ", meta.namespace_(),
                                                    "/", meta.name(), " is on its way out"));
    }
    const v1::LabelSelector& selector = daemon_set().spec().selector();
    if (selector.match_labels().empty() && selector.match_expressions().empty()) {
      return Say(Cause::kSelectsEverything,
                 "nothing is done: the selector is empty, which would be every pod");
    }
    if (input_.survey.rules->suspended) {
      Explanation said = Say(Cause::kSuspended, absl::StrCat("suspended: annotation ",
                                                             kSuspendAnnotation, " is \"true\""));
      TellOfPods(said);
      return said;
    }
    return std::nullopt;
  }

  Explanation NodeUnknown() const {
    Explanation said =
        Say(Cause::kNoSuchNode, absl::StrCat("node unknown: there is no node ", node_name_));
    TellOfPods(said);
    return said;
  }

  // The taints of a node that is not well are an effect of that, and are left out here: what is
  // wrong with the node is told instead.
  std::optional<Explanation> Placed() const {
    const PlacementRule& rule = input_.survey.rules->placement;
    v1::Node judged = *node_;
    if (FindNodeTrouble(*node_, now())) {
      auto& taints = *judged.mutable_spec()->mutable_taints();
      taints.erase(std::remove_if(taints.begin(), taints.end(),
                                  [](const v1::Taint& taint) {
                                    return taint.key() == model::kNotReadyTaint ||
                                           taint.key() == model::kUnreachableTaint;
                                  }),
                   taints.end());
    }
    const Placement placement = rule.Judge(judged, now());
    if (placement.should_run) return std::nullopt;
    const bool tainted = placement.obstacle == Placement::Obstacle::kNoExecuteTaint ||
                         placement.obstacle == Placement::Obstacle::kTimeIsOver ||
                         placement.obstacle == Placement::Obstacle::kNoScheduleTaint;
    Explanation said =
        Say(tainted ? Cause::kTainted : Cause::kNotMatched,
            absl::StrCat(tainted ? "tainted: " : "not matched: ", rule.Explain(judged, now())));
    for (const v1::Pod* pod : pods_) {
      said.details.push_back(
          absl::StrCat("pod ", NameOf(*pod),
                       placement.should_continue ? " was there before and stays" : " goes"));
    }
    return said;
  }

  void TellOfPods(Explanation& said) const {
    for (const v1::Pod* pod : pods_) {
      said.details.push_back(absl::StrCat("pod ", NameOf(*pod), " was last seen ",
                                          pod->status().phase(),
                                          IsReady(*pod) ? " and ready" : ""));
    }
  }

  // Of several the newest that is not on its way out: it is the one to become the only one.
  const v1::Pod* PodToSpeakOf() const {
    const v1::Pod* chosen = nullptr;
    for (const v1::Pod* pod : pods_) {
      if (chosen == nullptr || Before(*pod, *chosen)) chosen = pod;
    }
    return chosen;
  }

  static bool Before(const v1::Pod& a, const v1::Pod& b) {
    const bool a_goes = a.metadata().has_deletion_timestamp();
    const bool b_goes = b.metadata().has_deletion_timestamp();
    if (a_goes != b_goes) return b_goes;
    const WallTime a_created = ToWallTime(a.metadata().creation_timestamp());
    const WallTime b_created = ToWallTime(b.metadata().creation_timestamp());
    if (a_created != b_created) return a_created > b_created;
    return a.metadata().name() < b.metadata().name();
  }

  Explanation NoPod() const {
    if (!input_.plan.creation.ok()) {
      Explanation said = Say(Cause::kCannotBeMade,
                             absl::StrCat("pod cannot be made: ", input_.plan.creation.message()));
      said.details.push_back("it is tried again with growing pauses, and after every change");
      return said;
    }
    for (const v1::Pod& pod : input_.plan.create) {
      if (TargetNode(pod.spec()) != node_name_) continue;
      if (auto found = FindLackOfRoom(pod, *node_, input_.world.pods)) return *std::move(found);
      return Say(Cause::kNotCreatedYet, "not created yet: the pod is made right now");
    }
    if (!input_.plan.adopt.empty() || !input_.plan.release.empty()) {
      return Say(Cause::kNotCreatedYet,
                 absl::StrCat("not created yet: first the owners of ",
                              input_.plan.adopt.size() + input_.plan.release.size(),
                              " pods are put right"));
    }
    return Say(Cause::kNotCreatedYet, absl::StrCat("not created yet: ", input_.plan.create.size(),
                                                   " pods on other nodes are made first"));
  }

  std::optional<Explanation> Bound(const v1::Pod& pod) const {
    if (!pod.spec().node_name().empty() || pod.metadata().has_deletion_timestamp()) {
      return std::nullopt;
    }
    std::optional<Explanation> found = FindLackOfRoom(pod, *node_, input_.world.pods);
    if (!found) {
      found = Say(Cause::kNotBound, absl::StrCat("not bound yet: pod ", NameOf(pod),
                                                 " fits and is about to be given to its node"));
    }
    found->details.push_back(absl::StrCat("pod: ", NameOf(pod)));
    // What the scheduler said last, room that is held for others included.
    for (const v1::PodCondition& condition : pod.status().conditions()) {
      if (condition.type() != "PodScheduled" || condition.message().empty()) continue;
      found->details.push_back(absl::StrCat("scheduler: ", condition.message()));
    }
    return found;
  }

  bool IsReplacedNow(const v1::Pod& pod) const {
    return std::any_of(input_.plan.remove.begin(), input_.plan.remove.end(), [&](const auto& each) {
      return each.node == node_name_ && each.removal.pod == pod.metadata().name() &&
             each.removal.reason == RemovalReason::kOutdated;
    });
  }

  // What the rollout has in store for an old pod; nothing for one that is new.
  std::optional<Explanation> InRollout(const v1::Pod& pod,
                                       const std::optional<Explanation>& trouble) const {
    if (pod.metadata().name() != verdict_.rollout_pod) return std::nullopt;
    if (pod.metadata().has_deletion_timestamp()) return std::nullopt;
    std::optional<Explanation> said;
    if (!IsRollingUpdate(daemon_set())) {
      said = Say(Cause::kOnDelete,
                 absl::StrCat("waiting to be deleted: the update strategy is OnDelete, and pod ",
                              NameOf(pod), " is of an older revision"));
    } else if (IsReplacedNow(pod)) {
      said = Say(Cause::kReplacing,
                 absl::StrCat("being replaced: pod ", NameOf(pod), " is of an older revision"));
    } else if (!trouble) {
      said = Waits(pod);
    }
    if (said && trouble) said->details.push_back(absl::StrCat("it is also ", trouble->line));
    return said;
  }

  // What keeps the whole rollout from going on; nothing when it goes its way.
  std::optional<Explanation> Held() const {
    const v1::ObjectMeta& meta = daemon_set().metadata();
    if (!input_.plan.status) return std::nullopt;
    const v1::DaemonSetRollout& rollout = input_.plan.status->rollout();
    if (rollout.phase() == kPhasePaused) {
      return Say(Cause::kPaused, absl::StrCat("paused: the rollout goes on after `musterctl "
                                              "rollout resume ds/",
                                              meta.name(), "`"));
    }
    if (rollout.phase() == kPhaseHalted) {
      return Say(Cause::kHalted, absl::StrCat("rollout halted: ", rollout.halt_reason(), ": ",
                                              rollout.halt_message()));
    }
    if (!rollout.complete() && LooksDeadly(rollout)) {
      return Say(Cause::kHalted,
                 absl::StrCat("rollout held: most of the nodes that got the new revision went "
                              "silent with it; it goes on when they are back, or after `musterctl "
                              "rollout resume ds/",
                              meta.name(), "`"));
    }
    if (rollout.phase() == kPhaseAwaitingPromotion) {
      return Say(Cause::kWaitsForPromotion,
                 absl::StrCat("waiting for the canary to be promoted: see `musterctl rollout "
                              "promote ds/",
                              meta.name(), "`"));
    }
    return std::nullopt;
  }

  std::optional<Explanation> Waits(const v1::Pod& pod) const {
    if (std::optional<Explanation> held = Held()) {
      held->details.push_back(absl::StrCat("pod ", NameOf(pod), " of an older revision runs on"));
      return held;
    }
    if (std::optional<Explanation> found = WaitsForImage(pod)) return found;
    const Roster& roster = input_.survey.roster;
    const UpdateBudget budget = BudgetOf(daemon_set(), roster.tally().desired);
    const bool surge = budget.max_surge > 0;
    Explanation said = Say(Cause::kWaitsForRollout, "");
    std::set<std::string> before;
    const auto add = [&](const Roster::NodeSet& nodes) {
      for (const std::string_view node : nodes) {
        if (node != node_name_) before.emplace(node);
      }
    };
    std::string why;
    if (!roster.creating().empty() || !roster.removing().empty()) {
      add(roster.creating());
      add(roster.removing());
      why = "pods that are missing or have to go come first";
    } else if (surge) {
      add(roster.with_role(RolloutRole::kSurging));
      add(roster.with_role(RolloutRole::kStartNow));
      for (const v1::Pod& made : input_.plan.create) before.insert(TargetNode(made.spec()));
      why = absl::StrCat("maxSurge ", budget.max_surge, " is used up");
    } else {
      add(roster.with_role(RolloutRole::kUnavailable));
      add(roster.with_role(RolloutRole::kReplaceNow));
      for (const PlannedRemoval& removal : input_.plan.remove) before.insert(removal.node);
      why = absl::StrCat("maxUnavailable ", budget.max_unavailable, " is used up");
    }
    std::vector<std::string> named;
    for (const std::string& node : before) {
      if (named.size() == kNamedMax) break;
      named.push_back(node);
      said.details.push_back(absl::StrCat(node, ": ", Explainer(input_, node).InWork()));
    }
    if (before.size() > kNamedMax) {
      named.push_back(absl::StrCat(before.size() - kNamedMax, " more"));
    }
    said.line = absl::StrCat("waiting in the rollout", named.empty() ? "" : " behind ",
                             absl::StrJoin(named, ", "), ": ", why);
    for (const NodeStage& stage : StagesOf(daemon_set(), roster, input_.plan)) {
      if (stage.node == node_name_) said.details.push_back(stage.why);
    }
    said.details.push_back(absl::StrCat("pod ", NameOf(pod), " of an older revision runs on"));
    return said;
  }

  // The old pod runs on until its successor's image is there.
  std::optional<Explanation> WaitsForImage(const v1::Pod& pod) const {
    std::optional<Explanation> said;
    switch (verdict_.pull) {
      case PullStage::kUnderWay:
      case PullStage::kLate:
        said =
            Say(Cause::kImagePulling, "image is being pulled ahead, before the old pod is stopped");
        break;
      case PullStage::kUnnoticed:
      case PullStage::kFailed:
      case PullStage::kDue:
        said = Say(Cause::kImageNotPulled,
                   absl::StrCat("image cannot be pulled: ", verdict_.failure_text));
        break;
      default:
        return std::nullopt;
    }
    const v1::PodPrePull& asked = pod.pre_pull();
    said->details.push_back(
        absl::StrCat("asked for ", AgeOf(asked.since(), now()), " ago, attempt ", asked.attempt()));
    if (asked.has_retry_at()) {
      const auto wait =
          std::chrono::duration_cast<std::chrono::seconds>(ToWallTime(asked.retry_at()) - now());
      said->details.push_back(wait.count() > 0 ? absl::StrCat("next attempt in ", wait.count(), "s")
                                               : "the next attempt is due");
    }
    said->details.push_back(absl::StrCat("pod ", NameOf(pod), " of an older revision runs on"));
    return said;
  }

  // What a node that others wait for is at. It has a role of its own, so it waits for nobody.
  std::string InWork() { return Run().line; }

  std::optional<Explanation> MinReady(const v1::Pod& pod) const {
    const int32_t seconds = daemon_set().spec().min_ready_seconds();
    if (IsAvailable(PodFactsOf(pod), seconds, now())) return std::nullopt;
    return Say(Cause::kMinReady, absl::StrCat("ready, not available yet: pod ", NameOf(pod),
                                              " has to stay ready for ", seconds, "s"));
  }

  const ExplainInput& input_;
  const std::string& node_name_;
  const v1::Node* node_ = nullptr;
  NodeVerdict verdict_;
  PodPointers pods_;
};

}  // namespace

Explanation Explain(const ExplainInput& input, const std::string& node) {
  return Explainer(input, node).Run();
}

std::vector<std::string> NodesToExplain(const ExplainInput& input) {
  std::set<std::string> nodes;
  for (const v1::Node* node : input.world.nodes) nodes.insert(node->metadata().name());
  for (const auto& [node, pods] : input.survey.pods_by_node) nodes.insert(node);
  return {nodes.begin(), nodes.end()};
}

Explanation ExplainPod(const v1::Pod& pod, const v1::Node* node,
                       const std::vector<const v1::Pod*>& pods,
                       const std::vector<const v1::Event*>& events, WallTime now) {
  const std::string target = TargetNode(pod.spec());
  if (node == nullptr && !target.empty()) {
    return Say(Cause::kNoSuchNode, absl::StrCat("node unknown: there is no node ", target));
  }
  if (node != nullptr) {
    if (auto found = FindNodeTrouble(*node, now)) return *std::move(found);
  }
  if (pod.spec().node_name().empty() && !pod.metadata().has_deletion_timestamp()) {
    if (node != nullptr) {
      if (auto found = FindLackOfRoom(pod, *node, pods)) return *std::move(found);
    }
    for (const v1::PodCondition& condition : pod.status().conditions()) {
      if (condition.type() != "PodScheduled" || condition.message().empty()) continue;
      return Say(Cause::kNotBound, absl::StrCat("not bound: ", condition.message()));
    }
    return Say(Cause::kNotBound,
               absl::StrCat("not bound yet: pod ", NameOf(pod), " has not been given to a node"));
  }
  if (auto found = FindPodTrouble(pod, EventsAbout(pod, events), now)) return *std::move(found);
  return Running(pod, now);
}

}  // namespace muster::coordinator
