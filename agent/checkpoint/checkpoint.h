#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "muster/v1/object.pb.h"

namespace muster::agent {

// What is known of a running container that the runtime does not tell. Plain value.
struct ContainerMemory {
  bool started = false, ready = false;
  WallTime ready_since;  // Epoch: not since a probe said so.
  bool post_start_over = false;
  std::string resized_to;  // The cpu and memory that it was given since it was made, or empty.
  bool operator==(const ContainerMemory&) const = default;
};
using ContainerMemories = std::map<std::string, ContainerMemory>;  // By container id.

// What an agent knows after a restart, before anybody answers. Plain value.
struct CheckpointState {
  // Of the Node object; the mark on what we own. Empty before the first session.
  std::string node_uid;
  // Nodes that this host was before: what carries their mark is still ours to take down.
  std::set<std::string> former_node_uids;
  std::string boot_id;  // Of the boot that wrote last.
  // The objects are the whole truth as the coordinator told it: what runs and is not among them
  // may be taken down. False: they may be fewer than they should be.
  bool complete = false;
  std::map<std::string, v1::Object> objects;  // By session key.
  ContainerMemories containers;
  WallTime saved_at;  // When the objects were written last; epoch when they never were.
};

// One change, saved as a whole or not at all. What is not set stays.
struct CheckpointChange {
  std::vector<std::pair<std::string, v1::Object>> upserted;
  std::vector<std::string> removed;
  bool forget_objects = false;  // Before upserting.
  std::optional<std::string> node_uid;
  std::vector<std::string> former_node_uids;  // Added.
  std::optional<std::string> boot_id;
  std::optional<bool> complete;
};

// Makes `change` on `state`. What every implementation means by it.
void ApplyChange(const CheckpointChange& change, CheckpointState& state);

// Where the assignment survives the agent. Used by the loop thread only; calls block on the local
// disk. Every implementation passes test/contract/checkpoint.
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  // Once, first. Empty state when there is nothing. When something is there that cannot be read it
  // is put aside, and the state is what could be saved, never `complete`; `problem` then says what
  // happened, for the log.
  virtual absl::StatusOr<CheckpointState> Load(std::string* problem) = 0;

  // OK: `change` survives a power cut. Otherwise nothing of it is there after a restart, or (when
  // the machine dies in the middle) all of it may be.
  virtual absl::Status Save(const CheckpointChange& change) = 0;

  // Replaces what was saved so before. OK: the next agent finds it. It need not survive the
  // machine, since no container does.
  virtual absl::Status SaveContainers(const ContainerMemories& containers) = 0;
};

}  // namespace muster::agent
