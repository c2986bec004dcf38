#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "coordinator/daemonset/pod_facts.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// How a run came to its end, or how its containers last failed. A plain value.
struct RunEnding {
  std::string container;
  std::optional<int32_t> exit_code;
  std::string reason;
  std::string message;

  bool operator==(const RunEnding&) const = default;
};

// What the controller looks at in a pod of a DaemonJob: one run on one node. A plain value.
struct RunFacts {
  std::string name;
  std::string node;
  std::string node_uid;  // Empty: unknown.
  WallTime created{};
  PodPhase phase = PodPhase::kPending;
  bool bound = false;
  bool terminating = false;
  bool tracked = false;  // What came of it has not been written down.
  // It was stopped before it had run to its end, so that its exit code says nothing.
  bool interrupted = false;
  int32_t failures = 0;  // How often it has failed by itself, ends of its containers counted.
  RunEnding ending;      // Of the last failure, or of the success.
  std::optional<v1::Time> started, finished;

  bool terminal() const { return phase == PodPhase::kSucceeded || phase == PodPhase::kFailed; }
};

RunFacts RunFactsOf(const v1::Pod& pod);

// Of two runs on one node: the one that stays.
bool KeptBefore(const RunFacts& a, const RunFacts& b);

}  // namespace muster::coordinator
