#include "agent/hygiene/node_shutdown.h"

#include <algorithm>

namespace muster::agent {
namespace {

using std::chrono::seconds;

// Kubernetes' SystemCriticalPriority, from which on a pod is critical.
constexpr int32_t kCritical = 2'000'000'000;

size_t TurnOf(const ShutdownTurns& turns, int32_t priority) {
  const auto next = std::ranges::upper_bound(turns, priority, {}, &ShutdownTurn::priority);
  return next == turns.begin() ? 0 : static_cast<size_t>(next - turns.begin()) - 1;
}

void Stop(const ShutdownPod& pod, MonoTime until, MonoTime now, ShutdownStep& step) {
  const seconds left = std::chrono::floor<seconds>(until - now);
  step.stop.emplace_back(pod.uid, std::min(pod.grace, left));
}

}  // namespace

ShutdownTurns SimpleShutdown(seconds total, seconds critical) {
  if (total == seconds(0)) return {};
  if (critical == seconds(0)) return {{0, total}};
  return {{0, total - critical}, {kCritical, critical}};
}

seconds TotalOf(const ShutdownTurns& turns) {
  seconds total(0);
  for (const ShutdownTurn& turn : turns) total += turn.period;
  return total;
}

bool EndedWithItsHost(const v1::PodStatus& status) {
  return status.phase() == "Failed" &&
         (status.reason() == kTerminatedReason || status.reason() == kNodeShutdownReason);
}

ShutdownStep PlanShutdown(const ShutdownTurns& turns, const std::vector<ShutdownPod>& left,
                          MonoTime now, ShutdownProgress& progress) {
  ShutdownStep step;
  for (; progress.turn < turns.size(); ++progress.turn, progress.turn_began = now) {
    const MonoTime end = progress.turn_began + turns[progress.turn].period;
    std::vector<const ShutdownPod*> runs, daemons;
    for (const ShutdownPod& pod : left) {
      if (TurnOf(turns, pod.priority) != progress.turn) continue;
      (pod.is_run ? runs : daemons).push_back(&pod);
    }
    if ((runs.empty() && daemons.empty()) || now >= end) continue;

    const MonoTime runs_end =
        daemons.empty() ? end : progress.turn_began + (end - progress.turn_began) / 2;
    if (!runs.empty() && now < runs_end) {
      for (const ShutdownPod* pod : runs) Stop(*pod, runs_end, now, step);
      step.wake_at = runs_end;
    } else {
      for (const ShutdownPod* pod : daemons) Stop(*pod, end, now, step);
      step.wake_at = end;
    }
    return step;
  }
  step.over = true;
  return step;
}

}  // namespace muster::agent
