#include "coordinator/daemonset/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/labels.h"
#include "coordinator/daemonset/conditions.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/update_budget.h"

namespace muster::coordinator {
namespace {

// So many nodes at least look for an image that nobody has got yet: one of them may be to blame.
constexpr int64_t kTriesLeast = 3;

const char* Why(RemovalReason reason) {
  switch (reason) {
    case RemovalReason::kNotEligible:
      return "the node is no longer eligible";
    case RemovalReason::kExcess:
      return "there is more than one on the node";
    case RemovalReason::kFailed:
      return "it has failed";
    case RemovalReason::kSucceeded:
      return "it has ended";
    case RemovalReason::kNodeGone:
      return "its node is gone";
    case RemovalReason::kReplaced:
      return "its successor has taken over";
    case RemovalReason::kOutdated:
      return "it is of an older revision";
    case RemovalReason::kSuspended:
      return "the DaemonSet is suspended";
  }
  return "";
}

std::optional<MonoTime> Earlier(std::optional<MonoTime> a, std::optional<MonoTime> b) {
  return a && b ? std::min(*a, *b) : (a ? a : b);
}

class Planner {
 public:
  explicit Planner(const PlanInput& input) : input_(input) {}

  DaemonSetPlan Plan() {
    const v1::DaemonSet& daemon_set = input_.daemon_set;
    if (daemon_set.metadata().has_deletion_timestamp()) return std::move(plan_);
    const v1::LabelSelector& selector = daemon_set.spec().selector();
    if (selector.match_labels().empty() && selector.match_expressions().empty()) {
      plan_.events.push_back(
          {true, "SelectingAll",
           "This daemon set is selecting all pods. A non-empty selector is required."});
      return std::move(plan_);
    }
    plan_.revisions = input_.revisions;
    if (PlanClaims()) return std::move(plan_);
    // Until pods carry the hash that stays, every one of them would look outdated.
    if (!plan_.revisions.relabel.empty()) {
      plan_.more = true;
      return std::move(plan_);
    }
    Decide();
    if (plan_.revision_back) return std::move(plan_);  // What follows is about another template.
    Manage();
    if (plan_.create.empty() && plan_.remove.empty() && plan_.creation.ok()) Rollout();
    return std::move(plan_);
  }

 private:
  // Who belongs to whom has to be settled before anything is decided about nodes.
  bool PlanClaims() {
    const auto take = [&](const std::vector<std::string>& from, std::vector<std::string>& to) {
      to.assign(from.begin(), from.begin() + std::min(from.size(), input_.limits.claims_max));
    };
    take(input_.adopt, plan_.adopt);
    take(input_.release, plan_.release);
    plan_.more = !plan_.adopt.empty() || !plan_.release.empty();
    return plan_.more;
  }

  void Decide() {
    const v1::DaemonSet& daemon_set = input_.daemon_set;
    const RolloutPolicy policy = ParseRolloutPolicy(daemon_set.metadata().annotations()).policy;
    RolloutDecision decision = DecideRollout(
        {daemon_set, policy, plan_.revisions, input_.roster,
         [&](const std::string& hash) { return FindTemplate(hash).ok(); }, input_.now});
    gate_ = decision.gate;
    pre_pull_ = policy.pre_pull;
    base_hash_ = decision.state.base_revision();
    plan_.request_done = decision.request_done;
    plan_.events = std::move(decision.events);
    plan_.wake_at = Earlier(input_.roster.next_wake(), decision.wake_at);
    if (decision.go_back) {
      plan_.revision_back = *input_.find_revision(base_hash_);  // It was there a moment ago.
      plan_.notes.push_back(absl::StrCat("put the template of revision ", base_hash_, " back"));
    }
    plan_.status = StatusOf(daemon_set, input_.roster.tally(), plan_.revisions.collision_count);
    *plan_.status->mutable_rollout() = std::move(decision.state);
    SetConditions(BudgetOf(daemon_set, input_.roster.tally().desired), input_.now.wall,
                  *plan_.status);
  }

  absl::StatusOr<v1::PodTemplateSpec> FindTemplate(const std::string& hash) const {
    const v1::ControllerRevision* revision = input_.find_revision(hash);
    if (revision == nullptr) return absl::NotFoundError("no such revision");
    return TemplateOf(*revision);
  }

  void Manage() {
    const Roster& roster = input_.roster;
    // Of a guarded rollout a node that gets its pod from the new revision is one more at risk.
    int64_t taken = roster.progress().fresh;
    int64_t at_risk = roster.progress().unproven;
    const UpdateBudget budget = BudgetOf(input_.daemon_set, roster.tally().desired);
    const int64_t at_risk_max = std::max(budget.max_unavailable, budget.max_surge);
    for (const std::string_view name : roster.creating()) {
      const std::string node(name);
      const bool takes =
          !gate_.guarded || (TakesOn(node) && at_risk < at_risk_max && taken < gate_.fresh_max);
      if (takes) {
        ++taken;
        ++at_risk;
      }
      Create(node, takes ? Revision::kCurrent : Revision::kBase);
    }
    for (const std::string_view name : roster.removing()) {
      const std::string node(name);
      const NodeVerdict& verdict = *roster.Find(node);
      for (const PodRemoval& removal : verdict.removals) Remove(node, removal);
    }
  }

  // May the rollout bring this node to the new revision?
  bool TakesOn(const std::string& node) const {
    return gate_.open && (!gate_.canary_only || input_.roster.Find(node)->canary);
  }

  // So many more nodes may be brought to it now, of those that have a pod to be replaced. What is
  // vacant counts as taken on.
  int64_t Room() const {
    const Progress& progress = input_.roster.progress();
    return gate_.fresh_max - progress.fresh - progress.vacant;
  }

  void Rollout() {
    if (!IsRollingUpdate(input_.daemon_set) || !gate_.open) return;
    const UpdateBudget budget = BudgetOf(input_.daemon_set, input_.roster.tally().desired);
    if (budget.max_surge > 0) {
      RolloutStartingFirst(budget.max_surge);
    } else {
      RolloutDeletingFirst(budget.max_unavailable);
    }
  }

  void RolloutDeletingFirst(int32_t max_unavailable) {
    const Roster& roster = input_.roster;
    const Roster::NodeSet& replace_now = roster.with_role(RolloutRole::kReplaceNow);
    const auto in_work = static_cast<int64_t>(roster.with_role(RolloutRole::kUnavailable).size());
    const auto unavailable = in_work + static_cast<int64_t>(replace_now.size());
    // Kubernetes replaces what is not available all at once. Of a guarded rollout that would be
    // more nodes at risk than anybody allowed.
    int64_t room = gate_.guarded ? std::min(Room(), max_unavailable - in_work) : Room();
    room -= RemoveOld(replace_now, room);
    const Roster::NodeSet& candidates =
        pre_pull_ ? roster.with_pull(PullStage::kHere) : roster.with_role(RolloutRole::kCandidate);
    RemoveOld(candidates, std::min(room, max_unavailable - unavailable));
    if (pre_pull_) PullAhead(Room() - static_cast<int64_t>(plan_.remove.size()));
  }

  // Asks for the images of those who are next, `room` nodes at most. A node that cannot get them
  // keeps its old pod and holds nobody up; but while nobody at all has got them there may be no
  // such image, and the fleet is not sent to look for it.
  void PullAhead(int64_t room) {
    const Roster& roster = input_.roster;
    const auto count = [&](PullStage stage) {
      return static_cast<int64_t>(roster.with_pull(stage).size());
    };
    for (const std::string_view name : roster.with_pull(PullStage::kUnnoticed)) NoticePull(name);
    const auto taken = std::count_if(
        plan_.remove.begin(), plan_.remove.end(),
        [&](const auto& each) { return roster.Find(each.node)->pull == PullStage::kHere; });
    const int64_t here = count(PullStage::kHere) - taken;
    const int64_t ahead = count(PullStage::kUnderWay) + here;
    room = std::min(room, input_.limits.pulls_max) - ahead;
    if (here + taken == 0 && roster.progress().done == 0) {
      const int64_t in_vain =
          count(PullStage::kLate) + count(PullStage::kFailed) + count(PullStage::kUnnoticed);
      room = std::min(room, std::max(input_.limits.pulls_max, kTriesLeast) - ahead - in_vain);
    }
    int64_t slots = input_.pull_slots;
    for (const PullStage stage : {PullStage::kDue, PullStage::kWanted}) {
      for (const std::string_view name : roster.with_pull(stage)) {
        if (room <= 0) return;
        const std::string node(name);
        if (!TakesOn(node)) continue;
        if (slots <= 0) {
          plan_.pulls_wait = true;
          return;
        }
        AskFor(node,
               stage == PullStage::kDue ? PlannedPull::Step::kAskAgain : PlannedPull::Step::kAsk);
        --room;
        --slots;
      }
    }
  }

  void AskFor(const std::string& node, PlannedPull::Step step) {
    PlannedPull pull{node, input_.roster.Find(node)->rollout_pod, step, {}};
    if (step == PlannedPull::Step::kAsk) {
      const int node_class = ClassOf(node, CurrentTemplates());
      pull.wanted = ImagesOf(CurrentTemplates().TemplateOf(node_class),
                             CurrentTemplates().varied() ? CurrentTemplates().HashOf(node_class)
                                                         : plan_.revisions.current_hash);
    }
    plan_.notes.push_back(
        absl::StrCat("pull images on node ", node, " before pod ", pull.pod, " makes way"));
    plan_.pull.push_back(std::move(pull));
  }

  void NoticePull(std::string_view name) {
    const std::string node(name);
    const NodeVerdict& verdict = *input_.roster.Find(node);
    plan_.pull.push_back({node, verdict.rollout_pod, PlannedPull::Step::kNotice, {}});
    plan_.events.push_back({true, "PrePullFailed",
                            absl::StrCat("Node ", node,
                                         " keeps its old pod for now, its new image "
                                         "cannot be pulled: ",
                                         verdict.failure_text)});
  }

  void RolloutStartingFirst(int32_t max_surge) {
    const Roster& roster = input_.roster;
    const auto surging = static_cast<int64_t>(roster.with_role(RolloutRole::kSurging).size());
    int64_t room = gate_.guarded ? std::min(Room(), max_surge - surging) : Room();
    room -= StartNew(roster.with_role(RolloutRole::kStartNow), room);
    StartNew(roster.with_role(RolloutRole::kStartCandidate), std::min(room, max_surge - surging));
    for (const RolloutRole role : {RolloutRole::kTakenOver, RolloutRole::kOldUnavailable}) {
      const auto all = static_cast<int64_t>(roster.with_role(role).size());
      RemoveOld(roster.with_role(role), all);
    }
    // Who was promised that nothing becomes unavailable keeps the pods of nodes that fell out of
    // the placement until others make up for them.
    RemoveOld(roster.with_role(RolloutRole::kSunset),
              roster.available_anywhere() - roster.tally().desired);
  }

  // Both return how many nodes they took on.
  int64_t StartNew(const Roster::NodeSet& nodes, int64_t count_max) {
    int64_t count = 0;
    for (const std::string_view name : nodes) {
      if (count >= count_max) break;
      const std::string node(name);
      if (!TakesOn(node)) continue;
      Create(node, Revision::kCurrent);
      ++count;
    }
    return count;
  }

  int64_t RemoveOld(const Roster::NodeSet& nodes, int64_t count_max) {
    int64_t count = 0;
    for (const std::string_view name : nodes) {
      if (count >= count_max) break;
      const std::string node(name);
      if (!TakesOn(node)) continue;
      Remove(node, {input_.roster.Find(node)->rollout_pod, RemovalReason::kOutdated});
      ++count;
    }
    return count;
  }

  void Remove(const std::string& node, const PodRemoval& removal) {
    if (plan_.remove.size() >= input_.limits.removals_max) {
      plan_.more = true;
      return;
    }
    const std::string full_name =
        absl::StrCat(input_.daemon_set.metadata().namespace_(), "/", removal.pod);
    if (removal.reason == RemovalReason::kFailed) {
      plan_.failed_on.push_back(node);
      plan_.events.push_back({true, "FailedDaemonPod",
                              absl::StrCat("Found failed daemon pod ", full_name, " on node ", node,
                                           ", will try to kill it")});
    } else if (removal.reason == RemovalReason::kSucceeded) {
      plan_.events.push_back({false, "SucceededDaemonPod",
                              absl::StrCat("Found succeeded daemon pod ", full_name, " on node ",
                                           node, ", will try to delete it")});
    }
    plan_.events.push_back({false, "SuccessfulDelete", absl::StrCat("Deleted pod: ", removal.pod)});
    plan_.notes.push_back(
        absl::StrCat("delete pod ", full_name, " on node ", node, ": ", Why(removal.reason)));
    plan_.remove.push_back({node, removal});
  }

  enum class Revision { kCurrent, kBase };

  void Create(const std::string& node, Revision revision) {
    if (!plan_.creation.ok()) return;
    if (plan_.create.size() >= input_.limits.creates_max) {
      plan_.more = true;
      return;
    }
    if (absl::Status made = CreateOn(node, revision); !made.ok()) {
      plan_.creation = made;
      plan_.events.push_back(
          {true, "FailedCreate", absl::StrCat("Error creating: ", made.message())});
    }
  }

  // What pods of one revision are made from; filled in as nodes need it.
  struct Source {
    std::optional<NodeTemplates> templates;
    std::map<int, v1::Pod> patterns;  // By the class of nodes.
  };

  absl::Status MakePattern(Revision revision, Source& source, int node_class) const {
    const bool current = revision == Revision::kCurrent;
    v1::DaemonSet of_class = input_.daemon_set;
    *of_class.mutable_spec()->mutable_template_() = source.templates->TemplateOf(node_class);
    absl::StatusOr<v1::Pod> made = MakePodPattern(
        of_class, current ? plan_.revisions.current_hash : base_hash_, input_.priority_classes);
    if (!made.ok()) return made.status();
    if (source.templates->varied()) {
      (*made->mutable_metadata()->mutable_labels())[kTemplateHashLabel] =
          source.templates->HashOf(node_class);
    }
    source.patterns.emplace(node_class, *std::move(made));
    return absl::OkStatus();
  }

  const NodeTemplates& CurrentTemplates() {
    if (!current_.templates) current_.templates.emplace(input_.daemon_set.spec().template_());
    return *current_.templates;
  }

  int ClassOf(const std::string& node, const NodeTemplates& templates) const {
    const v1::Node* found = input_.find_node ? input_.find_node(node) : nullptr;
    return found == nullptr ? NodeOverrides::kNoClass
                            : templates.ClassOf(found->metadata().labels());
  }

  absl::Status CreateOn(const std::string& node, Revision revision) {
    Source& source = revision == Revision::kCurrent ? current_ : base_;
    if (revision == Revision::kCurrent) {
      CurrentTemplates();
    } else if (!source.templates) {
      MUSTER_ASSIGN_OR_RETURN(const v1::PodTemplateSpec base, FindTemplate(base_hash_));
      source.templates.emplace(base);
    }
    const int node_class = ClassOf(node, *source.templates);
    if (!source.patterns.contains(node_class)) {
      MUSTER_RETURN_IF_ERROR(MakePattern(revision, source, node_class));
    }
    const absl::StatusOr<std::string> name = DrawPodName(
        input_.daemon_set.metadata().name(), input_.random, [&](const std::string& candidate) {
          return names_.contains(candidate) || input_.pod_name_taken(candidate);
        });
    if (!name.ok()) return name.status();
    names_.insert(*name);
    plan_.create.push_back(MakePod(source.patterns.at(node_class), *name, node));
    plan_.events.push_back({false, "SuccessfulCreate", absl::StrCat("Created pod: ", *name)});
    plan_.notes.push_back(absl::StrCat("create pod ", input_.daemon_set.metadata().namespace_(),
                                       "/", *name, " for node ", node));
    return absl::OkStatus();
  }

  const PlanInput& input_;
  DaemonSetPlan plan_;
  RolloutGate gate_;
  bool pre_pull_ = false;
  std::string base_hash_;
  Source current_;
  Source base_;
  std::set<std::string> names_;
};

}  // namespace

DaemonSetPlan MakePlan(const PlanInput& input) { return Planner(input).Plan(); }

v1::DaemonSetStatus StatusOf(const v1::DaemonSet& daemon_set, const Tally& tally,
                             std::optional<int32_t> collision_count) {
  v1::DaemonSetStatus status = daemon_set.status();
  status.set_desired_number_scheduled(tally.desired);
  status.set_current_number_scheduled(tally.current);
  status.set_number_misscheduled(tally.misscheduled);
  status.set_number_ready(tally.ready);
  status.set_updated_number_scheduled(tally.updated);
  status.set_number_available(tally.available);
  status.set_number_unavailable(tally.desired - tally.available);
  status.set_observed_generation(
      std::max(status.observed_generation(), daemon_set.metadata().generation()));
  if (collision_count) {
    status.set_collision_count(std::max(status.collision_count(), *collision_count));
  }
  return status;
}

Survey::Survey(const World& world) {
  const v1::DaemonSet& daemon_set = world.daemon_set;
  std::map<std::string, int> pods_by_hash;
  for (const v1::Pod* pod : world.pods) {
    if (pod->metadata().namespace_() != daemon_set.metadata().namespace_()) continue;
    pod_names.insert(pod->metadata().name());
    const bool labels_match =
        model::SelectorMatches(daemon_set.spec().selector(), pod->metadata().labels());
    switch (ClaimOf(pod->metadata(), labels_match, daemon_set)) {
      case Claim::kNone:
        break;
      case Claim::kAdopt:
        adopt.push_back(pod->metadata().name());
        break;
      case Claim::kRelease:
        release.push_back(pod->metadata().name());
        break;
      case Claim::kManaged: {
        PodFacts facts = PodFactsOf(*pod);
        ++pods_by_hash[facts.hash];
        if (!facts.node.empty()) pods_by_node[facts.node].push_back(std::move(facts));
        break;
      }
    }
  }
  std::sort(adopt.begin(), adopt.end());
  std::sort(release.begin(), release.end());
  revisions = PlanRevisions({daemon_set, world.revisions, pods_by_hash});

  rules = std::make_unique<DaemonSetRules>(daemon_set, revisions);
  for (const v1::Node* node : world.nodes) nodes[node->metadata().name()] = node;
  for (const auto& [name, pods] : pods_by_node) nodes.try_emplace(name, nullptr);
  for (const auto& [name, node] : nodes) {
    std::vector<const PodFacts*> pods;
    if (const auto found = pods_by_node.find(name); found != pods_by_node.end()) {
      for (const PodFacts& facts : found->second) pods.push_back(&facts);
    }
    roster.Set(name, JudgeNode(*rules, node, name, pods, world.backoff, world.now));
  }
}

namespace {

FindRevision FindRevisionIn(const World& world) {
  return [&world](const std::string& hash) -> const v1::ControllerRevision* {
    for (const v1::ControllerRevision* revision : world.revisions) {
      const v1::OwnerReference* owner = ControllerOf(revision->metadata());
      if (owner != nullptr && owner->uid() == world.daemon_set.metadata().uid() &&
          HashOf(*revision) == hash) {
        return revision;
      }
    }
    return nullptr;
  };
}

}  // namespace

DaemonSetPlan PlanFrom(const World& world, const Survey& survey) {
  return MakePlan({world.daemon_set, survey.roster, survey.revisions, survey.adopt, survey.release,
                   world.priority_classes, world.random,
                   [&](const std::string& name) { return survey.pod_names.contains(name); },
                   world.limits, world.now, FindRevisionIn(world),
                   [&](const std::string& name) -> const v1::Node* {
                     const auto found = survey.nodes.find(name);
                     return found == survey.nodes.end() ? nullptr : found->second;
                   }});
}

DaemonSetPlan Reconcile(const World& world) { return PlanFrom(world, Survey(world)); }

}  // namespace muster::coordinator
