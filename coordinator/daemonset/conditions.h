#pragma once

#include "common/base/clock.h"
#include "coordinator/daemonset/update_budget.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// Writes the conditions of a status that is complete otherwise:
//
//  - Available: no more nodes lack an available pod than a rolling update may take away. Reasons
//    EnoughNodesAvailable, TooFewNodesAvailable, Suspended.
//  - Progressing: True while nodes are brought to the current revision and once they are
//    (RollingOut, RollingBack, AwaitingNodes, Complete, OnDelete); Unknown while somebody has to
//    decide (Paused, AwaitingPromotion, Suspended); False when it has failed, with the reason of
//    the halt, or RolledBack once the base is back.
//  - Degraded: pods of the current revision fail. Reasons NodesFailing, NoFailures.
//
// Reasons are stable. lastTransitionTime moves when the status does. Conditions of other types are
// left alone.
void SetConditions(const UpdateBudget& budget, WallTime now, v1::DaemonSetStatus& status);

}  // namespace muster::coordinator
