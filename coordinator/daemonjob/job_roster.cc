#include "coordinator/daemonjob/job_roster.h"

namespace muster::coordinator {

void JobRoster::Set(const std::string& node, JobVerdict verdict) {
  auto found = verdicts_.find(node);
  if (found != verdicts_.end()) Count(found->first, found->second, -1);
  if (verdict.means_nothing()) {
    if (found != verdicts_.end()) verdicts_.erase(found);
    return;
  }
  if (found == verdicts_.end()) found = verdicts_.try_emplace(node).first;
  found->second = std::move(verdict);
  Count(found->first, found->second, 1);
}

const JobVerdict* JobRoster::Find(const std::string& node) const {
  const auto found = verdicts_.find(node);
  return found == verdicts_.end() ? nullptr : &found->second;
}

std::optional<MonoTime> JobRoster::next_wake() const {
  if (wakes_.empty()) return std::nullopt;
  return wakes_.begin()->first;
}

std::vector<std::string> JobRoster::Due(MonoTime now) const {
  std::vector<std::string> due;
  for (const auto& [when, node] : wakes_) {
    if (when > now) break;
    due.emplace_back(node);
  }
  return due;
}

void JobRoster::Count(const std::string& node, const JobVerdict& verdict, int32_t by) {
  const bool lost = verdict.matches && !verdict.over() && verdict.unreachable;
  if (verdict.active) tally_.active += by;
  if (verdict.matches) {
    tally_.desired += by;
    if (verdict.succeeded) tally_.succeeded += by;
    if (verdict.failed) tally_.failed += by;
    if (lost) tally_.out_of_reach += by;
  }
  const auto keep = [&](NodeSet& nodes, bool belongs) {
    if (!belongs) return;
    if (by > 0) {
      nodes.insert(node);
    } else {
      nodes.erase(node);
    }
  };
  keep(creating_, verdict.create);
  keep(acting_, verdict.acts());
  keep(failed_, verdict.matches && verdict.failed);
  keep(out_of_reach_, lost);
  if (!verdict.wake_at) return;
  if (by > 0) {
    wakes_.emplace(*verdict.wake_at, node);
  } else {
    wakes_.erase({*verdict.wake_at, node});
  }
}

}  // namespace muster::coordinator
