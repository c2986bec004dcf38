#pragma once

#include <string>

#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// Parts of sentences about a rollout, for events, conditions and the lines of `rollout status`.
// Lists name the first few and count the rest. Pure.

// "1 node", "3 nodes".
std::string NodeCount(int64_t count);
// "node-1, node-2, node-3 and 7 more" of the nodes that are left for later.
std::string LeftNodes(const v1::DaemonSetRollout& rollout);
// "; left for later, unreachable: ..." or nothing.
std::string LeftClause(const v1::DaemonSetRollout& rollout);
// "node-1 (Crashed: container main ended: exit code 1) and 3 more" of the failures that nobody has
// accepted.
std::string FailureList(const v1::DaemonSetRollout& rollout);
// "TooManyFailures: 2 nodes failed ..." of the revision that was taken back; empty if there is
// none.
std::string WhyRolledBack(const v1::DaemonSetRollout& rollout);

}  // namespace muster::coordinator
