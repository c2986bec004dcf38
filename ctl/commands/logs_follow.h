#pragma once

#include <vector>

#include "ctl/commands/log_sink.h"
#include "ctl/commands/logs.h"

namespace muster::ctl {

// Follows several logs at once, each on a thread of its own, and prints their lines in the order of
// time (see LogOrder) until all have ended. What waits to be printed is bounded: a log that is
// ahead is not read on. The first error ends it, unless errors are to be ignored. `requests` belong
// to `sources`, with timestamps.
int FollowLogs(Context& context, AdminClient& client, const LogsOptions& options,
               const std::vector<LogSource>& sources,
               const std::vector<admin::v1::LogsRequest>& requests);

}  // namespace muster::ctl
