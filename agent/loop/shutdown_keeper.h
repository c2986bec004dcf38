#pragma once

#include <optional>

#include "agent/hygiene/node_shutdown.h"
#include "agent/loop/pod_set.h"
#include "common/base/clock.h"

namespace muster::agent {

// Stops the pods of a host that goes down, turn by turn. Loop thread only.
class ShutdownKeeper {
 public:
  // Without turns nothing is ever stopped, and a shutdown is over as soon as it begins.
  ShutdownKeeper(PodSet& pods, ShutdownTurns turns) : pods_(pods), turns_(std::move(turns)) {}

  void Begin(MonoTime now);
  // The host stays. What was stopped has failed; the coordinator makes new pods.
  void Cancel();

  bool under_way() const { return began_.has_value(); }
  // Nothing is left that the host has to wait for.
  bool over() const { return over_; }

  // After the pods'. `knows_pods`: the runtime was looked at, so that those that are not seen are
  // not there. Returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now, bool knows_pods);

 private:
  PodSet& pods_;
  const ShutdownTurns turns_;
  std::optional<MonoTime> began_;
  ShutdownProgress progress_;
  bool over_ = false;
};

}  // namespace muster::agent
