#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/host/host.h"
#include "agent/hygiene/eviction.h"
#include "agent/hygiene/pressure.h"
#include "agent/loop/image_keeper.h"
#include "agent/loop/mailbox.h"
#include "agent/loop/pod_logs.h"
#include "agent/loop/pod_set.h"
#include "agent/loop/worker.h"
#include "agent/runtime/runtime.h"
#include "agent/volumes/volumes.h"
#include "common/base/clock.h"

namespace muster::agent {

// Watches what the node is short of, and makes room: first by what nobody misses (dead containers,
// unused images), then by one pod after the other (kubelet's eviction manager).
//
// A look costs a few reads from /proc and statvfs; what pods use is asked only when one of them has
// to go, or has limits of its own on its disk, which are looked at once a minute. Loop thread only;
// trees are measured on the worker.
class EvictionKeeper {
 public:
  struct Options {
    EvictionLimits limits;
    Duration period{std::chrono::seconds(10)};
    std::string storage_path;  // On the filesystem of pods' volumes.
  };
  struct Surroundings {
    const Clock& clock;
    Runtime& runtime;
    Host& host;
    VolumeHost& volumes;
    PodLogs& logs;
    Worker& worker;
    std::shared_ptr<NodeInbox> inbox;
    ImageKeeper& images;
    PodSet& pods;
    ImageKeeper::Warn warn;  // About the node.
  };

  EvictionKeeper(Surroundings surroundings, Options options);
  ~EvictionKeeper();
  EvictionKeeper(const EvictionKeeper&) = delete;
  EvictionKeeper& operator=(const EvictionKeeper&) = delete;

  // Looks when it is time; acts only with `may_act`, which needs to know what the node should hold.
  // Returns when it has to be called again; a little early when it is called anyway.
  std::optional<MonoTime> Step(MonoTime now, bool may_act);

  // True conditions of the node: "DiskPressure" and its like, sorted.
  std::vector<std::string> Conditions() const { return monitor_.Conditions(); }

 private:
  struct Survey;

  Readings Read();
  void Act(const Shortage& shortage);
  void CheckOwnLimits();
  // What the candidates use; `then` comes on the loop thread.
  void Measure(std::vector<EvictionCandidate> candidates,
               std::function<void(const std::vector<PodUsage>&)> then);
  void Post(std::function<void()> task) const;

  const Surroundings around_;
  const Options options_;
  PressureMonitor monitor_;
  std::optional<MonoTime> due_;
  MonoTime own_limits_due_{};
  bool split_disks_ = false;
  bool busy_ = false;
  bool reclaimed_ = false;      // For the shortage there is, since the last pod went.
  std::set<std::string> told_;  // Signals that are met.
  bool told_nobody_ = false;    // That nobody can go.
  std::optional<MonoTime> evicted_at_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
