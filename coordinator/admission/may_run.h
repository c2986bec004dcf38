#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/model/labels.h"
#include "coordinator/admission/problem.h"
#include "coordinator/podsecurity/namespace_levels.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// What may run in the fleet, as the coordinator's settings say it. A plain value.
struct RunRules {
  PodSecurityLevels pod_security;  // Of namespaces whose labels say nothing.
  // Below which paths of the hosts hostPath volumes may be, and where images may come from. Not
  // set: anywhere. Empty: nowhere.
  std::optional<std::vector<std::string>> host_paths, registries;

  bool operator==(const RunRules&) const = default;
};

struct RunVerdict {
  std::vector<Problem> problems;
  std::vector<Warning> warnings;
  std::vector<std::string> notes;  // For the audit log.
};

// May the pods of this object run? Of a DaemonSet and a DaemonJob their template counts, with what
// annotations put into it: unlike in Kubernetes, where a workload that violates its namespace's
// level is stored with a warning and its pods are refused later, it is refused here, since nobody
// but its controller would make these pods and nothing would ever come of it.
//
// `stored` is null for a new object. What has not changed since is not looked at again, so that a
// namespace that became stricter does not keep anybody from labelling or scaling what is there.
// `proposed` is defaulted. Other kinds may always. Pure.
RunVerdict CheckMayRun(const v1::Object& proposed, const v1::Object* stored,
                       const model::LabelMap& namespace_labels, const RunRules& rules);

// Labels that are no levels or no versions.
std::vector<Problem> CheckPodSecurityLabels(const v1::ObjectMeta& metadata);

// Why an object that is there already would be refused now; empty when it would not.
std::string WouldBeRefused(const v1::Object& object, PodSecurityLevel enforce);

}  // namespace muster::coordinator
