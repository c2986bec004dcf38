#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "muster/v1/pod_status.pb.h"

namespace muster::agent {

// How the pods of a host are stopped when it goes down (kubelet's graceful node shutdown; spec:
// pod-lifecycle.md, 20).

// One turn of the shutdown: pods from this priority on, up to that of the next turn.
struct ShutdownTurn {
  int32_t priority = 0;
  std::chrono::seconds period{0};  // How long the turn may take.
  bool operator==(const ShutdownTurn&) const = default;
};

// By priority, the lowest first. Empty: nothing is done when the host goes down.
using ShutdownTurns = std::vector<ShutdownTurn>;

// The two-part form: `total` for all, of which the last `critical` is for pods of system priority
// alone. Empty when `total` is 0.
ShutdownTurns SimpleShutdown(std::chrono::seconds total, std::chrono::seconds critical);
// What all turns may take together; 0: off.
std::chrono::seconds TotalOf(const ShutdownTurns& turns);

inline constexpr char kNodeShutdownReason[] = "NodeShutdown";
inline constexpr char kNodeShutdownRefusal[] = "Pod was rejected as the node is shutting down.";
inline constexpr char kTerminatedReason[] = "Terminated";
inline constexpr char kTerminatedMessage[] =
    "Pod was terminated in response to imminent node shutdown.";
inline constexpr char kShuttingDown[] = "node is shutting down";

// The pod did not fail: its host went down. That is over when an agent starts.
bool EndedWithItsHost(const v1::PodStatus& status);

// A pod of which something may still run.
struct ShutdownPod {
  std::string uid;
  int32_t priority = 0;
  std::chrono::seconds grace{0};  // Its own.
  bool is_run = false;            // It runs to its end; others are daemons.
};

// Where a shutdown has got to. Plain value.
struct ShutdownProgress {
  size_t turn = 0;
  MonoTime turn_began;
};

struct ShutdownStep {
  // To be told, again and again, with what each has from now on.
  std::vector<std::pair<std::string, std::chrono::seconds>> stop;
  bool over = false;  // The host may go down.
  std::optional<MonoTime> wake_at;
};

// What is to be done now. `left` are the pods that are not stopped yet.
//
// A turn is over when its pods are stopped, or its time is. Within one, runs go before daemons,
// which they may need; they have half of the time when there are any. A pod below the lowest
// priority goes in the first turn, as in Kubernetes.
ShutdownStep PlanShutdown(const ShutdownTurns& turns, const std::vector<ShutdownPod>& left,
                          MonoTime now, ShutdownProgress& progress);

}  // namespace muster::agent
