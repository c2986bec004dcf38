#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/model/resources.h"
#include "coordinator/placement/fit.h"

namespace muster::coordinator {

// A pod that takes room on a node, as far as it matters for who gives way to whom.
struct PodOnNode {
  std::string key;  // Namespace and name.
  int32_t priority = 0;
  WallTime created{};
  bool terminating = false;
  PodFootprint footprint;
};

// Which pods have to leave the node so that one of this priority fits: Kubernetes' rule. Only pods
// of lower priority give way, and no more of them than needed: the higher ones are put back first,
// of equal ones the older. Those that are leaving already count as gone.
//
// `load` is what the pods `there` take together, and what is held for others. Nothing: no eviction
// helps. Empty: it is enough to wait. Pure.
std::optional<std::vector<std::string>> ChooseVictims(const PodFootprint& pod, int32_t priority,
                                                      const model::ResourceMap& allocatable,
                                                      NodeLoad load,
                                                      absl::Span<const PodOnNode> there);

}  // namespace muster::coordinator
