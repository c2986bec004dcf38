#include "coordinator/daemonset/revision_history.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/manifest/decode.h"
#include "common/model/canonical_text.h"
#include "common/model/hash.h"
#include "common/model/labels.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/templates/node_overrides.h"

namespace muster::coordinator {
namespace {

constexpr int32_t kDefaultHistoryLimit = 10;

using Revisions = std::vector<const v1::ControllerRevision*>;

bool NameIsTaken(const RevisionInput& input, const std::string& name) {
  return std::any_of(input.revisions.begin(), input.revisions.end(),
                     [&](const auto* each) { return each->metadata().name() == name; });
}

// The lower number first; of equal numbers the older, then the smaller name.
bool OlderThan(const v1::ControllerRevision* a, const v1::ControllerRevision* b) {
  if (a->revision() != b->revision()) return a->revision() < b->revision();
  const WallTime a_created = ToWallTime(a->metadata().creation_timestamp());
  const WallTime b_created = ToWallTime(b->metadata().creation_timestamp());
  if (a_created != b_created) return a_created < b_created;
  return a->metadata().name() < b->metadata().name();
}

v1::ControllerRevision NewRevision(const v1::DaemonSet& daemon_set, const std::string& hash,
                                   std::string data, int64_t number) {
  v1::ControllerRevision revision;
  revision.set_api_version("apps/v1");
  revision.set_kind("ControllerRevision");
  v1::ObjectMeta& meta = *revision.mutable_metadata();
  meta.set_name(absl::StrCat(daemon_set.metadata().name(), "-", hash));
  meta.set_namespace_(daemon_set.metadata().namespace_());
  *meta.mutable_labels() = daemon_set.spec().template_().metadata().labels();
  (*meta.mutable_labels())[kRevisionHashLabel] = hash;
  *meta.mutable_annotations() = daemon_set.metadata().annotations();
  *meta.add_owner_references() = OwnerReferenceTo(daemon_set);
  revision.mutable_data()->set_json(std::move(data));
  revision.set_revision(number);
  return revision;
}

// A name nobody has, or a hash that gives one: a taken name means another hash.
void CreateCurrent(const RevisionInput& input, std::string data, int64_t number,
                   RevisionPlan& plan) {
  const v1::DaemonSet& daemon_set = input.daemon_set;
  while (true) {
    const std::string hash =
        model::TemplateHash(daemon_set.spec().template_(), plan.collision_count);
    const std::string name = absl::StrCat(daemon_set.metadata().name(), "-", hash);
    if (!NameIsTaken(input, name)) {
      plan.current_hash = hash;
      plan.create.push_back(NewRevision(daemon_set, hash, std::move(data), number));
      return;
    }
    plan.collision_count = plan.collision_count.value_or(0) + 1;
  }
}

// Of revisions with the current template the newest stays and gets `number` at least.
void KeepCurrent(Revisions current, int64_t number, RevisionPlan& plan) {
  std::sort(current.begin(), current.end(), OlderThan);
  const v1::ControllerRevision& kept = *current.back();
  plan.current_hash = HashOf(kept);
  const bool unlabelled = !kept.metadata().labels().contains(kRevisionHashLabel);
  if (kept.revision() < number || unlabelled) {
    v1::ControllerRevision changed = kept;
    changed.set_revision(std::max(kept.revision(), number));
    (*changed.mutable_metadata()->mutable_labels())[kRevisionHashLabel] = plan.current_hash;
    plan.update.push_back(std::move(changed));
  }
  current.pop_back();
  for (const v1::ControllerRevision* duplicate : current) {
    plan.remove.push_back(duplicate->metadata().name());
    if (HashOf(*duplicate) != plan.current_hash) {
      plan.relabel[HashOf(*duplicate)] = plan.current_hash;
    }
  }
}

void Prune(const RevisionInput& input, Revisions old, RevisionPlan& plan) {
  const v1::DaemonSetSpec& spec = input.daemon_set.spec();
  const int32_t limit =
      spec.has_revision_history_limit() ? spec.revision_history_limit() : kDefaultHistoryLimit;
  auto excess = static_cast<int64_t>(old.size()) - std::max(limit, 0);
  std::sort(old.begin(), old.end(), OlderThan);
  for (const v1::ControllerRevision* each : old) {
    if (excess <= 0) return;
    const std::string hash = HashOf(*each);
    if (input.pods_by_hash.contains(hash)) continue;
    if (hash == input.daemon_set.status().rollout().base_revision()) continue;
    plan.remove.push_back(each->metadata().name());
    --excess;
  }
}

// One that goes anyway needs no owner any more; one that is written anyway gets it along.
void AdoptInto(const v1::DaemonSet& daemon_set, const v1::ControllerRevision& revision,
               RevisionPlan& plan) {
  const std::string& name = revision.metadata().name();
  if (std::find(plan.remove.begin(), plan.remove.end(), name) != plan.remove.end()) return;
  auto changed = std::find_if(plan.update.begin(), plan.update.end(),
                              [&](const auto& each) { return each.metadata().name() == name; });
  if (changed == plan.update.end()) changed = plan.update.insert(changed, revision);
  Adopt(daemon_set, *changed->mutable_metadata());
}

bool HasOverrides(const v1::PodTemplateSpec& pod_template) {
  return pod_template.metadata().annotations().contains(kOverridesAnnotation);
}

}  // namespace

std::string RevisionData(const v1::PodTemplateSpec& pod_template) {
  // The fields of the template without the brace in front, since $patch sorts before all of them.
  const std::string fields = model::CanonicalText(pod_template).substr(1);
  return absl::StrCat("{\"spec\":{\"template\":{\"$patch\":\"replace\"", fields == "}" ? "" : ",",
                      fields, "}}");
}

absl::StatusOr<v1::PodTemplateSpec> TemplateOf(const v1::ControllerRevision& revision) {
  v1::DaemonSet holder;
  // What is not a field of it is the "$patch" that says how to put it in.
  if (!manifest::DecodeJson(revision.data().json(), holder, manifest::UnknownFields::kIgnore)
           .ok() ||
      !holder.spec().has_template_()) {
    return absl::DataLossError(absl::StrCat("revision ", revision.revision(), " (",
                                            revision.metadata().name(),
                                            ") does not hold a pod template"));
  }
  return std::move(*holder.mutable_spec()->mutable_template_());
}

std::string HashOf(const v1::ControllerRevision& revision) {
  const auto& labels = revision.metadata().labels();
  const auto found = labels.find(kRevisionHashLabel);
  // Kubernetes labels one that has none with its own name.
  return found == labels.end() ? revision.metadata().name() : found->second;
}

RevisionPlan PlanRevisions(const RevisionInput& input) {
  RevisionPlan plan;
  const v1::DaemonSetStatus& status = input.daemon_set.status();
  if (status.has_collision_count()) plan.collision_count = status.collision_count();
  std::string data = RevisionData(input.daemon_set.spec().template_());
  const bool varied = HasOverrides(input.daemon_set.spec().template_());

  Revisions current;
  Revisions old;
  int64_t highest_old = 0;
  int64_t highest_carried = 0;
  Revisions adopted;
  for (const v1::ControllerRevision* each : input.revisions) {
    const bool labels_match =
        model::SelectorMatches(input.daemon_set.spec().selector(), each->metadata().labels());
    const Claim claim = ClaimOf(each->metadata(), labels_match, input.daemon_set);
    if (claim == Claim::kNone) continue;
    if (claim == Claim::kRelease) {
      plan.update.push_back(*each);
      Release(input.daemon_set.metadata().uid(), *plan.update.back().mutable_metadata());
      continue;
    }
    if (claim == Claim::kAdopt) adopted.push_back(each);
    if (varied) {
      const absl::StatusOr<v1::PodTemplateSpec> made_from = TemplateOf(*each);
      if (made_from.ok() && !HasOverrides(*made_from)) {
        plan.template_hashes[HashOf(*each)] = model::TemplateHash(*made_from, std::nullopt);
      }
    }
    if (each->data().json() == data) {
      current.push_back(each);
    } else {
      old.push_back(each);
      if (each->revision() >= highest_carried && input.pods_by_hash.contains(HashOf(*each))) {
        highest_carried = each->revision();
        plan.previous_hash = HashOf(*each);
      }
      highest_old = std::max(highest_old, each->revision());
    }
  }
  if (current.empty()) {
    CreateCurrent(input, std::move(data), highest_old + 1, plan);
  } else {
    KeepCurrent(std::move(current), highest_old + 1, plan);
  }
  Prune(input, std::move(old), plan);
  for (const v1::ControllerRevision* each : adopted) AdoptInto(input.daemon_set, *each, plan);
  return plan;
}

}  // namespace muster::coordinator
