#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "agent/settings/settings.h"
#include "common/base/clock.h"

namespace muster::agent {

struct ResetOptions {
  std::chrono::seconds patience{600};  // With pods that are slow to stop.
  // Pods that carry the mark of a node which this state directory knows nothing of go as well.
  bool all = false;
  // Files go although the runtime does not answer; what it holds stays.
  bool without_runtime = false;
};

// Makes a host that was a node what it was before: stops its pods as a node does that was removed
// from its cluster, with their hooks and grace periods, and removes what belonged to them
// (sandboxes, networks, volumes, mounts, control groups, logs), then the state of the agent, its
// key and its certificate. Settings stay.
//
// May be run again, also after it was killed: it goes on where it was. FailedPrecondition: an agent
// is running. Unavailable: the runtime does not answer; nothing was done. DeadlineExceeded: pods
// are left. Runs a loop of its own; `say` gets a line for each thing that is done or waited for.
absl::Status Reset(const Settings& settings, const ResetOptions& options, const Clock& clock,
                   const std::function<void(const std::string&)>& say);

}  // namespace muster::agent
