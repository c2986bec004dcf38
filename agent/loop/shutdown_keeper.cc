#include "agent/loop/shutdown_keeper.h"

#include "spdlog/spdlog.h"

namespace muster::agent {

void ShutdownKeeper::Begin(MonoTime now) {
  if (turns_.empty() || began_) return;
  spdlog::warn("the host is shutting down; its pods are stopped within {} s",
               TotalOf(turns_).count());
  began_ = now;
  progress_ = {.turn = 0, .turn_began = now};
  over_ = false;
}

void ShutdownKeeper::Cancel() {
  if (!began_) return;
  spdlog::warn("the host does not shut down after all");
  began_.reset();
  over_ = false;
}

std::optional<MonoTime> ShutdownKeeper::Step(MonoTime now, bool knows_pods) {
  if (!began_ || over_) return std::nullopt;
  if (!knows_pods) {
    const MonoTime end = *began_ + TotalOf(turns_);
    over_ = now >= end;
    return end;
  }
  const ShutdownStep step = PlanShutdown(turns_, pods_.NotStopped(), now, progress_);
  bool told = false;
  for (const auto& [uid, grace] : step.stop) told = pods_.Terminate(uid, grace) || told;
  over_ = step.over;
  if (over_) spdlog::info("nothing of the pods is left to wait for; the host may go down");
  return told ? now : step.wake_at;
}

}  // namespace muster::agent
