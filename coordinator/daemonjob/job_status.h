#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/daemonjob/job_roster.h"
#include "coordinator/daemonset/planned_event.h"
#include "muster/v1/daemon_job.pb.h"

namespace muster::coordinator {

// So many nodes are named in a message.
inline constexpr size_t kNodesNamedMax = 5;

// How far a DaemonJob is, over all nodes. A plain value; borrows the records.
struct JobProgress {
  JobTally tally;
  std::vector<const v1::DaemonJobNode*> failures;  // The first few.
  std::vector<std::string> out_of_reach;           // Likewise.
};

// Every node that matches has had its outcome, and there is one. What joins later opens it again.
bool IsOver(const JobTally& tally);

// Numbers, times and conditions, in the manner of a Job:
//  - Complete is True when all nodes that match have succeeded, of which there is at least one;
//  - Failed is True when all nodes have had their outcome and some of them failed;
//  - Suspended is there once it was.
// Adds an event for each change that people wait for. Leaves the records of nodes alone.
void UpdateJobStatus(const v1::DaemonJob& job, const JobProgress& progress, WallTime now,
                     v1::DaemonJobStatus& status, std::vector<PlannedEvent>& events);

// All but the records of nodes, which may be very many.
v1::DaemonJobStatus WithoutRecords(const v1::DaemonJobStatus& status);

// When it came to be Complete or Failed; nothing while it is neither.
std::optional<WallTime> EndOf(const v1::DaemonJobStatus& status);

}  // namespace muster::coordinator
