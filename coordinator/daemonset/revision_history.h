#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// What has to happen to the ControllerRevisions of a DaemonSet, and which one is current.
struct RevisionPlan {
  std::string current_hash;
  std::string previous_hash;  // Of the newest other revision that a pod carries, if any does.
  std::vector<v1::ControllerRevision> create;  // One at most; without uid and creationTimestamp.
  std::vector<v1::ControllerRevision> update;  // Whole objects: renumbered, adopted, released.
  std::vector<std::string> remove;             // Names: duplicates, then what history is too long.
  std::map<std::string, std::string> relabel;  // Pods of the first hash get the second.
  std::optional<int32_t> collision_count;      // For the status.
  // When the current template has overrides: of each revision without any, by its hash, the hash of
  // what pods of it were made from, as those that are made under overrides carry it
  // (NodeTemplates). A name that was taken makes two of them.
  std::map<std::string, std::string> template_hashes;

  bool settled() const {
    return create.empty() && update.empty() && remove.empty() && relabel.empty();
  }
};

struct RevisionInput {
  const v1::DaemonSet& daemon_set;
  // All of the namespace: which of them are the DaemonSet's is decided here, and the names of the
  // others are taken.
  absl::Span<const v1::ControllerRevision* const> revisions;
  // How many managed pods carry a hash, those that have ended included.
  const std::map<std::string, int>& pods_by_hash;
};

// Kubernetes' rules of revision history, pure:
//  - ownership as for pods (ClaimOf): orphans with matching labels are adopted;
//  - a template that is new gets a revision with the next number; one that was there before gets
//    its old revision back under the next number, and keeps its hash;
//  - of several with equal data the highest number stays, and pods are relabelled to it;
//  - a name that is taken by other data raises the collision count, which gives another hash;
//  - beyond revisionHistoryLimit the lowest numbers go, never one that a pod still carries or that
//    a rollout may go back to, and the current one does not count.
RevisionPlan PlanRevisions(const RevisionInput& input);

// What a revision stores: a patch that puts this template in place of another.
std::string RevisionData(const v1::PodTemplateSpec& pod_template);

// The template that a revision stores. DataLoss when it holds something else.
absl::StatusOr<v1::PodTemplateSpec> TemplateOf(const v1::ControllerRevision& revision);

// The hash that pods of a revision carry.
std::string HashOf(const v1::ControllerRevision& revision);

}  // namespace muster::coordinator
