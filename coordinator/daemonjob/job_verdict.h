#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/moment.h"
#include "coordinator/daemonjob/run_facts.h"
#include "coordinator/placement/placement.h"
#include "muster/v1/daemon_job.pb.h"
#include "muster/v1/node.pb.h"

namespace muster::coordinator {

inline constexpr char kOutcomeSucceeded[] = "Succeeded";
inline constexpr char kOutcomeFailed[] = "Failed";

// What of a DaemonJob decides about each of its nodes. A plain value.
struct JobRules {
  explicit JobRules(const v1::DaemonJob& job);

  // Would these rules, made from it anew, be the same? Its template never changes.
  bool Fits(const v1::DaemonJob& job) const;

  PlacementRule placement;
  int32_t backoff_limit;
  bool suspended;
};

// What is to be done with one pod.
struct RunStep {
  enum class Kind : uint8_t {
    kStop,     // Its agent ends it; what comes of it is of interest still.
    kGiveUp,   // Likewise, and it is not: what it did is in the record.
    kRelease,  // It has ended, and how is in the record: it is not held any longer.
    kDrop,     // Nobody runs it, or will.
  };
  Kind kind = Kind::kStop;
  std::string pod;

  bool operator==(const RunStep&) const = default;
};

// All that one node means for one DaemonJob.
struct JobVerdict {
  bool matches = false;  // A run is wanted there, or was.
  bool unreachable = false;
  bool active = false;  // A run is there that has not ended, as far as is known.
  bool succeeded = false;
  bool failed = false;
  bool create = false;
  bool newly_failed = false;
  std::vector<RunStep> steps;
  // The node's record as it should be once the steps are done; nothing: as it is, or none.
  std::optional<v1::DaemonJobNode> record;
  bool drop_record = false;         // What is stored is of a node that is not there any more.
  std::optional<MonoTime> wake_at;  // Judge again then, even if nothing changes.

  bool over() const { return succeeded || failed; }
  bool acts() const { return !steps.empty() || record || drop_record; }
  bool means_nothing() const {
    return !matches && !active && !over() && !create && !acts() && !wake_at;
  }
};

// How long a node is left alone after so many failed runs: a Job's 10 s, doubled with each, up to
// six minutes.
std::chrono::seconds RetryDelay(int32_t failures);

// One node: whether a run is to be started, stopped, or written down.
//
// A run that has ended is counted in the node's record, and its pod held by a finalizer until then,
// in one transaction; so each run counts exactly once, and a node that has succeeded does not run
// again whatever happens to the pod. A run that was stopped is none: the node runs it anew. There
// is never a second run on a node while a first one may be alive.
//
// Pure. `node` is null when there is no such node, `record` when nothing is stored. `pods` are
// those of the DaemonJob whose target is the node, in any order.
JobVerdict JudgeJobNode(const JobRules& rules, const v1::Node* node, const std::string& node_name,
                        const v1::DaemonJobNode* record, absl::Span<const RunFacts* const> pods,
                        const Moment& now);

// "exit code 3", or why it failed without one.
std::string EndingText(const v1::DaemonJobNode& record);

}  // namespace muster::coordinator
