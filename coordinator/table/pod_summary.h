#pragma once

#include <string>

#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// A pod in three cells of `get pods`, by kubectl's rules. A plain value.
struct PodSummary {
  std::string ready;     // "1/2": running and ready containers of all that are to keep running.
  std::string status;    // "Running", "CrashLoopBackOff", "Init:0/1", "Terminating" ...
  std::string restarts;  // "3 (5m ago)"
};

PodSummary Summarize(const v1::Pod& pod, WallTime now);

}  // namespace muster::coordinator
