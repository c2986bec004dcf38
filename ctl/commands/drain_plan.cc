#include "ctl/commands/drain_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/static_pod.h"

namespace muster::ctl {
namespace {

// Pods of one kind of finding, with the words for it.
struct Finding {
  const char* text;
  std::vector<std::string> pods;
};

bool IsFinished(const v1::Pod& pod) {
  return pod.status().phase() == "Succeeded" || pod.status().phase() == "Failed";
}

const v1::OwnerReference* ControllerOf(const v1::Pod& pod) {
  for (const v1::OwnerReference& owner : pod.metadata().owner_references()) {
    if (owner.controller()) return &owner;
  }
  return nullptr;
}

bool KeepsData(const v1::Pod& pod) {
  return std::any_of(pod.spec().volumes().begin(), pod.spec().volumes().end(),
                     [](const v1::Volume& volume) { return volume.has_empty_dir(); });
}

std::vector<std::string> Texts(const std::vector<const Finding*>& findings) {
  std::vector<std::string> texts;
  for (const Finding* finding : findings) {
    if (finding->pods.empty()) continue;
    texts.push_back(absl::StrCat(finding->text, ": ", absl::StrJoin(finding->pods, ", ")));
  }
  return texts;
}

}  // namespace

DrainPlan PlanDrain(absl::Span<const v1::Pod* const> pods,
                    const std::set<std::string>& daemon_owner_uids, const DrainRules& rules) {
  Finding daemons{"cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)", {}};
  Finding orphans{
      "cannot delete Pods whose DaemonSet is gone (use --force to delete them nevertheless)", {}};
  Finding local{"cannot delete Pods with local storage (use --delete-emptydir-data to override)",
                {}};
  Finding bare{"cannot delete Pods that declare no controller (use --force to override)", {}};
  Finding ignored{"ignoring DaemonSet-managed Pods", {}};
  Finding orphans_too{"deleting Pods whose DaemonSet is gone", {}};
  Finding local_too{"deleting Pods with local storage", {}};
  Finding bare_too{"deleting Pods that declare no controller", {}};

  DrainPlan plan;
  for (const v1::Pod* pod : pods) {
    const std::string name =
        absl::StrCat(pod->metadata().namespace_(), "/", pod->metadata().name());
    // The node runs it from a file of its own, so deleting what stands for it changes nothing.
    if (model::IsMirror(*pod)) continue;
    const v1::OwnerReference* owner = ControllerOf(*pod);
    // What has ended is in nobody's way, whoever made it.
    if (IsFinished(*pod)) {
      plan.evict.push_back(pod);
      continue;
    }
    // Likewise the runs of a DaemonJob, which would come back as well.
    if (owner != nullptr && (owner->kind() == "DaemonSet" || owner->kind() == "DaemonJob")) {
      if (daemon_owner_uids.contains(owner->uid())) {
        (rules.ignore_daemonsets ? ignored : daemons).pods.push_back(name);
        continue;
      }
      (rules.force ? orphans_too : orphans).pods.push_back(name);
      if (!rules.force) continue;
    }
    if (KeepsData(*pod)) {
      (rules.delete_emptydir_data ? local_too : local).pods.push_back(name);
      if (!rules.delete_emptydir_data) continue;
    }
    if (owner == nullptr) {
      (rules.force ? bare_too : bare).pods.push_back(name);
      if (!rules.force) continue;
    }
    plan.evict.push_back(pod);
  }
  plan.refusals = Texts({&daemons, &orphans, &local, &bare});
  plan.warning = absl::StrJoin(Texts({&ignored, &orphans_too, &local_too, &bare_too}), "; ");
  return plan;
}

}  // namespace muster::ctl
