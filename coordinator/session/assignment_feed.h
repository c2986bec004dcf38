#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "coordinator/session/assignment_index.h"
#include "coordinator/session/object_loader.h"
#include "muster/session/v1/session.pb.h"

namespace muster::coordinator {

// What one agent still has to be told so that it holds what its node should hold.
//
// Remembers names only: an object that changes ten times before its turn is sent once, as it is
// then. One owner.
class AssignmentFeed {
 public:
  // `known` is what the agent says it holds; everything is looked at once.
  void Begin(std::map<std::string, int64_t> known, const std::string& node,
             const AssignmentIndex& index);
  // Look at this object again.
  void Mark(const std::string& key) { marked_.insert(Rank(key)); }
  void MarkAll(const std::string& node, const AssignmentIndex& index);
  // The agent turned out not to hold what it was thought to, or to hold what it was not.
  void Distrust(const std::string& key);

  bool due() const { return !marked_.empty() || !complete_; }

  // The next message of about `bytes_max` at most (one object may be larger), or nothing when
  // looking at all marks found nothing new. ConfigMaps and Secrets go before the pods that mention
  // them. An error of the store leaves the feed as it was.
  absl::StatusOr<std::optional<session::v1::Assignment>> Next(const std::string& node,
                                                              const AssignmentIndex& index,
                                                              ObjectLoader& loader,
                                                              int64_t revision, size_t bytes_max);

  const std::map<std::string, int64_t>& held() const { return held_; }

 private:
  using Ranked = std::pair<bool, std::string>;  // Pods last.
  static Ranked Rank(const std::string& key) { return {key.rfind("pods/", 0) == 0, key}; }

  std::map<std::string, int64_t> held_;  // Key -> version, as far as the agent was told.
  std::set<Ranked> marked_;
  bool complete_ = false;  // It was told that it holds the whole truth.
};

}  // namespace muster::coordinator
