#include "coordinator/daemonset/failure_backoff.h"

#include <algorithm>

namespace muster::coordinator {

void FailureBackoff::SetGeneration(int64_t generation) {
  if (generation == generation_) return;
  generation_ = generation;
  entries_.clear();
}

std::optional<MonoTime> FailureBackoff::WaitsUntil(const std::string& node, MonoTime now) const {
  const auto found = entries_.find(node);
  if (found == entries_.end() || Expired(found->second, now)) return std::nullopt;
  const MonoTime until = found->second.since + found->second.wait;
  if (now >= until) return std::nullopt;
  return until;
}

void FailureBackoff::Advance(const std::string& node, MonoTime now) {
  const auto [entry, first] = entries_.try_emplace(node, Entry{limits_.first, now});
  if (first) return;
  entry->second.wait = Expired(entry->second, now)
                           ? limits_.first
                           : std::min(entry->second.wait * 2, limits_.ceiling);
  entry->second.since = now;
}

void FailureBackoff::Expire(MonoTime now) {
  std::erase_if(entries_, [&](const auto& each) { return Expired(each.second, now); });
}

}  // namespace muster::coordinator
