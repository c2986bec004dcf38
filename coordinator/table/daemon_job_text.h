#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/clock.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Columns of a DaemonJob, laid out like those that kubectl has for a Job.
extern const std::vector<std::string> kDaemonJobColumns, kDaemonJobWideColumns;
// For all of them.
std::vector<std::string> DaemonJobCells(const v1::DaemonJob& job, WallTime now);

// Appends the description of a DaemonJob up to its events.
void DescribeDaemonJob(const v1::DaemonJob& job, WallTime now, std::string& out);

}  // namespace muster::coordinator
