#include "coordinator/daemonset/roster.h"

namespace muster::coordinator {
namespace {

bool MeansNothing(const NodeVerdict& verdict) { return verdict == NodeVerdict(); }

}  // namespace

bool Roster::Set(const std::string& node, NodeVerdict verdict) {
  auto found = verdicts_.find(node);
  if (found == verdicts_.end()) {
    if (MeansNothing(verdict)) return false;
    found = verdicts_.emplace(node, std::move(verdict)).first;
    Count(found->first, found->second);
    return true;
  }
  Discount(found->first, found->second);
  if (MeansNothing(verdict)) {
    verdicts_.erase(found);
    return true;
  }
  found->second.wake_at = verdict.wake_at;
  const bool changed = !(found->second == verdict);
  if (changed) found->second = std::move(verdict);
  Count(found->first, found->second);
  return changed;
}

void Roster::Clear() { *this = Roster(); }

const NodeVerdict* Roster::Find(const std::string& node) const {
  const auto found = verdicts_.find(node);
  return found == verdicts_.end() ? nullptr : &found->second;
}

std::optional<MonoTime> Roster::next_wake() const {
  if (wakes_.empty()) return std::nullopt;
  return wakes_.begin()->first;
}

std::vector<std::string> Roster::Due(MonoTime now) const {
  std::vector<std::string> due;
  for (const auto& [when, node] : wakes_) {
    if (when > now) break;
    due.emplace_back(node);
  }
  return due;
}

void Roster::Count(const std::string& node, const NodeVerdict& verdict) {
  tally_ += verdict.tally;
  progress_ += verdict.progress;
  if (verdict.counts_available) ++available_anywhere_;
  if (verdict.create) creating_.insert(node);
  if (!verdict.removals.empty()) removing_.insert(node);
  if (verdict.failure != RolloutFailure::kNone) failing_.insert(node);
  if (verdict.left) left_.insert(node);
  if (verdict.role != RolloutRole::kNone) roles_[static_cast<size_t>(verdict.role)].insert(node);
  if (verdict.pull != PullStage::kNone) pulls_[static_cast<size_t>(verdict.pull)].insert(node);
  if (verdict.wake_at) wakes_.emplace(*verdict.wake_at, node);
}

void Roster::Discount(const std::string& node, const NodeVerdict& verdict) {
  tally_ -= verdict.tally;
  progress_ -= verdict.progress;
  if (verdict.counts_available) --available_anywhere_;
  if (verdict.create) creating_.erase(node);
  if (!verdict.removals.empty()) removing_.erase(node);
  if (verdict.failure != RolloutFailure::kNone) failing_.erase(node);
  if (verdict.left) left_.erase(node);
  if (verdict.role != RolloutRole::kNone) roles_[static_cast<size_t>(verdict.role)].erase(node);
  if (verdict.pull != PullStage::kNone) pulls_[static_cast<size_t>(verdict.pull)].erase(node);
  if (verdict.wake_at) wakes_.erase({*verdict.wake_at, node});
}

}  // namespace muster::coordinator
