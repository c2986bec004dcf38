#include "coordinator/controllers/daemonset_state.h"

#include <utility>
#include <vector>

#include "common/model/semantic_equal.h"
#include "coordinator/templates/effective.h"

namespace muster::coordinator {

DaemonSetState::DaemonSetState(v1::Object object) : object_(std::move(object)) {
  backoff_.SetGeneration(daemon_set().metadata().generation());
  MakeEffective();
}

void DaemonSetState::MakeEffective() {
  config_keys_.clear();
  if (RollsOnConfig(daemon_set())) config_keys_ = ConfigKeys(daemon_set());
  effective_ = EffectiveDaemonSet(daemon_set(), config_digest_);
}

void DaemonSetState::SetConfigDigest(const std::string& digest) {
  if (digest == config_digest_) return;
  config_digest_ = digest;
  effective_ = EffectiveDaemonSet(daemon_set(), config_digest_);
  rules_.reset();
  revisions_stale_ = true;
  dirty = true;
}

std::optional<std::vector<std::string>> DaemonSetState::Update(v1::Object object) {
  const v1::ObjectMeta& before = daemon_set().metadata();
  const v1::ObjectMeta& after = object.daemon_set().metadata();
  const bool another = before.uid() != after.uid();
  const bool other_base = daemon_set().status().rollout().base_revision() !=
                          object.daemon_set().status().rollout().base_revision();
  const bool anew = another || before.generation() != after.generation() ||
                    before.has_deletion_timestamp() != after.has_deletion_timestamp();
  // Who belongs to it is a matter of the selector, which nothing changes, and of its being there.
  const bool claims_anew = another ||
                           before.has_deletion_timestamp() != after.has_deletion_timestamp() ||
                           !model::SemanticallyEqual(daemon_set().spec().selector(),
                                                     object.daemon_set().spec().selector());
  object_ = std::move(object);
  MakeEffective();
  dirty = true;
  if (other_base) revisions_stale_ = true;
  if (!anew) {
    // What annotations and the progress of a rollout mean for nodes.
    if (rules_ != nullptr && !rules_->Fits(daemon_set())) rules_.reset();
    return std::nullopt;
  }
  // What went wrong may have been the old specification's fault, and who changed it waits.
  failures = 0;
  retry_at.reset();
  if (another) backoff_ = FailureBackoff();
  backoff_.SetGeneration(daemon_set().metadata().generation());
  rules_.reset();
  revisions_stale_ = true;
  all_nodes_stale_ = true;
  if (!claims_anew) return std::nullopt;
  std::vector<std::string> owned;
  for (const PodFacts* pod : Owned()) owned.push_back(pod->name);
  pods_by_node_.clear();
  claims_.clear();
  pods_by_hash_.clear();
  adopt_.clear();
  release_.clear();
  return owned;
}

std::vector<const PodFacts*> DaemonSetState::Owned() const {
  std::vector<const PodFacts*> owned;
  for (const auto& [name, claimed] : claims_) {
    if (claimed.claim != Claim::kAdopt) owned.push_back(&claimed.facts);
  }
  return owned;
}

void DaemonSetState::ForgetPod(const std::string& name) {
  const auto found = claims_.find(name);
  if (found == claims_.end()) return;
  const Claimed& claimed = found->second;
  adopt_.erase(name);
  release_.erase(name);
  if (claimed.claim == Claim::kManaged) {
    if (auto hash = pods_by_hash_.find(claimed.facts.hash); --hash->second == 0) {
      pods_by_hash_.erase(hash);
      revisions_stale_ = true;
    }
    if (auto node = pods_by_node_.find(claimed.facts.node); node != pods_by_node_.end()) {
      std::erase(node->second, &claimed.facts);
      if (node->second.empty()) pods_by_node_.erase(node);
      stale_nodes_.insert(claimed.facts.node);
    }
  }
  claims_.erase(found);
  dirty = true;
}

void DaemonSetState::SetPod(const std::string& name, const v1::Pod* pod) {
  Claim claim = Claim::kNone;
  if (pod != nullptr) {
    const bool labels_match =
        model::SelectorMatches(daemon_set().spec().selector(), pod->metadata().labels());
    claim = ClaimOf(pod->metadata(), labels_match, daemon_set());
  }
  if (claim == Claim::kNone) {
    ForgetPod(name);
    return;
  }
  PodFacts facts = PodFactsOf(*pod);
  if (const auto known = claims_.find(name);
      known != claims_.end() && known->second.claim == claim && known->second.facts == facts) {
    return;
  }
  ForgetPod(name);
  dirty = true;
  if (claim == Claim::kAdopt) adopt_.insert(name);
  if (claim == Claim::kRelease) release_.insert(name);
  if (claim == Claim::kManaged) {
    if (++pods_by_hash_[facts.hash] == 1) revisions_stale_ = true;
    if (!facts.node.empty()) stale_nodes_.insert(facts.node);
  }
  const Claimed& added = claims_.emplace(name, Claimed{claim, std::move(facts)}).first->second;
  if (claim == Claim::kManaged && !added.facts.node.empty()) {
    pods_by_node_[added.facts.node].push_back(&added.facts);
  }
}

void DaemonSetState::TouchNode(const std::string& node) {
  stale_nodes_.insert(node);
  dirty = true;
}

void DaemonSetState::RefreshRevisions(const std::vector<const v1::ControllerRevision*>& revisions) {
  if (revisions_stale_) {
    revisions_ = PlanRevisions({effective(), revisions, pods_by_hash_});
    revisions_stale_ = false;
  }
  if (rules_ != nullptr && rules_->Fits(revisions_)) return;
  rules_ = std::make_unique<DaemonSetRules>(effective(), revisions_);
  all_nodes_stale_ = true;
}

void DaemonSetState::JudgeOne(const std::string& node, const v1::Node* found, const Moment& now) {
  std::vector<const PodFacts*> pods;
  if (const auto here = pods_by_node_.find(node); here != pods_by_node_.end()) {
    pods = here->second;
  }
  if (found == nullptr && pods.empty()) {
    roster_.Set(node, NodeVerdict());
    return;
  }
  roster_.Set(node, JudgeNode(*rules_, found, node, pods, backoff_, now));
}

}  // namespace muster::coordinator
