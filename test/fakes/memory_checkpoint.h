#pragma once

#include <memory>
#include <string>
#include <utility>

#include "agent/checkpoint/checkpoint.h"

namespace muster::agent {

// What survives the agent, in memory. Outlives the checkpoints that work on it.
struct MemoryDisk {
  CheckpointState synced;
  int writes = 0;
  int container_writes = 0;
  absl::Status fail;       // Not OK: what every Save comes to, without effect.
  bool lose_next = false;  // The next Save says OK, but the machine dies before the disk has it.
  bool damaged = false;    // Load finds something it cannot read.
};

// A checkpoint on a MemoryDisk, which can lose what was not synced. Not thread-safe.
class MemoryCheckpoint final : public Checkpoint {
 public:
  explicit MemoryCheckpoint(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}

  absl::StatusOr<CheckpointState> Load(std::string* problem) override {
    problem->clear();
    if (disk_->damaged) {
      disk_->damaged = false;
      disk_->synced.objects.clear();
      disk_->synced.complete = false;
      *problem = "the checkpoint is damaged";
    }
    return disk_->synced;
  }

  absl::Status Save(const CheckpointChange& change) override {
    if (!disk_->fail.ok()) return disk_->fail;
    ++disk_->writes;
    if (std::exchange(disk_->lose_next, false)) return absl::OkStatus();
    ApplyChange(change, disk_->synced);
    return absl::OkStatus();
  }

  absl::Status SaveContainers(const ContainerMemories& containers) override {
    if (!disk_->fail.ok()) return disk_->fail;
    ++disk_->container_writes;
    disk_->synced.containers = containers;
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<MemoryDisk> disk_;
};

}  // namespace muster::agent
