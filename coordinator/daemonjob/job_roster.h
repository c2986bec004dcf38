#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/daemonjob/job_verdict.h"

namespace muster::coordinator {

// How many nodes of one DaemonJob are at what. A plain value.
struct JobTally {
  int32_t desired = 0;    // Match.
  int32_t active = 0;     // Matching or not.
  int32_t succeeded = 0;  // These and the rest: of those that match.
  int32_t failed = 0;
  int32_t out_of_reach = 0;  // Neither, and cannot be told to.

  bool operator==(const JobTally&) const = default;
};

// The verdicts on all nodes of one DaemonJob, with what a plan is made from kept up to date: a
// change of one node costs that node.
//
// A value, movable only (its lists point into its map). One owner at a time.
class JobRoster {
 public:
  using NodeSet = std::set<std::string_view>;  // By name.

  JobRoster() = default;
  JobRoster(JobRoster&&) = default;
  JobRoster& operator=(JobRoster&&) = default;
  JobRoster(const JobRoster&) = delete;
  JobRoster& operator=(const JobRoster&) = delete;

  // The newest verdict on a node; one that means nothing forgets the node.
  void Set(const std::string& node, JobVerdict verdict);

  const JobVerdict* Find(const std::string& node) const;
  const std::map<std::string, JobVerdict>& verdicts() const { return verdicts_; }
  const JobTally& tally() const { return tally_; }
  const NodeSet& creating() const { return creating_; }
  // Nodes with steps to take or records to write.
  const NodeSet& acting() const { return acting_; }
  const NodeSet& failed() const { return failed_; }
  // Nodes that match, are not over, and cannot be reached.
  const NodeSet& out_of_reach() const { return out_of_reach_; }

  // The nodes whose verdicts are stale at `now`, and when the next one will be.
  std::vector<std::string> Due(MonoTime now) const;
  std::optional<MonoTime> next_wake() const;

 private:
  void Count(const std::string& node, const JobVerdict& verdict, int32_t by);

  std::map<std::string, JobVerdict> verdicts_;
  JobTally tally_;
  NodeSet creating_, acting_, failed_, out_of_reach_;
  std::set<std::pair<MonoTime, std::string_view>> wakes_;
};

}  // namespace muster::coordinator
