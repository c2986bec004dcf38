#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/model/labels.h"
#include "coordinator/podsecurity/pod_security.h"

namespace muster::coordinator {

// Which levels hold in a namespace: what is refused, what is warned of, and what is only noted in
// the audit log. A plain value.
struct PodSecurityLevels {
  PodSecurityLevel enforce = PodSecurityLevel::kPrivileged;
  PodSecurityLevel warn = PodSecurityLevel::kPrivileged;
  PodSecurityLevel audit = PodSecurityLevel::kPrivileged;

  bool operator==(const PodSecurityLevels&) const = default;
};

inline constexpr char kPodSecurityLabelPrefix[] = "pod-security.kubernetes.io/";

// A label of this prefix that cannot be used.
struct BadPodSecurityLabel {
  std::string key, value;
  bool is_version = false;  // Or else a level.
};

// What the labels of a namespace say: enforce, warn and audit, each by itself; `otherwise` where
// there is no label. A label that is no level counts as restricted, as in Kubernetes; applying a
// namespace refuses it. Versions (enforce-version and the like) may be "latest" or "v1.N" and
// change nothing: the newest rules hold.
PodSecurityLevels PodSecurityLevelsOf(const model::LabelMap& labels,
                                      const PodSecurityLevels& otherwise,
                                      std::vector<BadPodSecurityLabel>* bad = nullptr);

}  // namespace muster::coordinator
