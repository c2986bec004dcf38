#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/daemonset/node_verdict.h"

namespace muster::coordinator {

// The verdicts on all nodes of one DaemonSet, with the sums and short lists that a plan is made
// from kept up to date: a change of one node costs that node, however large the fleet is.
//
// A value, movable only (its lists point into its map). One owner at a time.
class Roster {
 public:
  using NodeSet = std::set<std::string_view>;  // By name.

  Roster() = default;
  Roster(Roster&&) = default;
  Roster& operator=(Roster&&) = default;
  Roster(const Roster&) = delete;
  Roster& operator=(const Roster&) = delete;

  // The newest verdict on a node; one that means nothing forgets the node. True when it differs
  // from the one before in more than when to look again.
  bool Set(const std::string& node, NodeVerdict verdict);
  void Clear();

  // Null when the node means nothing.
  const NodeVerdict* Find(const std::string& node) const;
  const std::map<std::string, NodeVerdict>& verdicts() const { return verdicts_; }

  const Tally& tally() const { return tally_; }
  const Progress& progress() const { return progress_; }
  int32_t available_anywhere() const { return available_anywhere_; }
  // Nodes that wait for a pod, and nodes with a pod to remove.
  const NodeSet& creating() const { return creating_; }
  const NodeSet& removing() const { return removing_; }
  // Nodes that speak against the new revision, and those that wait out of reach.
  const NodeSet& failing() const { return failing_; }
  const NodeSet& left() const { return left_; }
  const NodeSet& with_role(RolloutRole role) const { return roles_[static_cast<size_t>(role)]; }

  // Nodes by where the images of their next pod are; none for kNone.
  const NodeSet& with_pull(PullStage stage) const { return pulls_[static_cast<size_t>(stage)]; }
  // Pulls that take part in what the fleet may do at once.
  size_t pulls_under_way() const {
    return with_pull(PullStage::kUnderWay).size() + with_pull(PullStage::kStray).size();
  }

  // When the first verdict becomes stale by time alone.
  std::optional<MonoTime> next_wake() const;
  // The nodes whose verdicts are stale at `now`.
  std::vector<std::string> Due(MonoTime now) const;

 private:
  void Count(const std::string& node, const NodeVerdict& verdict);
  void Discount(const std::string& node, const NodeVerdict& verdict);

  std::map<std::string, NodeVerdict> verdicts_;
  Tally tally_;
  Progress progress_;
  int32_t available_anywhere_ = 0;
  NodeSet creating_;
  NodeSet removing_;
  NodeSet failing_;
  NodeSet left_;
  std::array<NodeSet, kRolloutRoles> roles_;  // That of kNone stays empty.
  std::array<NodeSet, kPullStages> pulls_;
  std::set<std::pair<MonoTime, std::string_view>> wakes_;
};

}  // namespace muster::coordinator
