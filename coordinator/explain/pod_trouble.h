#pragma once

#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/explain/explanation.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What keeps a pod on its node from being ready, as its agent reported it; nothing when it is
// ready. `events` are those about the pod, in any order: some steps leave no other trace. Pure.
std::optional<Explanation> FindPodTrouble(const v1::Pod& pod,
                                          const std::vector<const v1::Event*>& events,
                                          WallTime now);

bool IsReady(const v1::Pod& pod);

}  // namespace muster::coordinator
