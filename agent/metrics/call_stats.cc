#include "agent/metrics/call_stats.h"

namespace muster::agent {

void CallStats::Observe(std::string_view call, std::chrono::nanoseconds took,
                        const absl::Status& status) {
  const MutexLock lock(&mutex_);
  auto found = calls_.find(call);
  if (found == calls_.end()) found = calls_.try_emplace(std::string(call)).first;
  found->second.durations.Observe(std::chrono::duration<double>(took).count());
  if (!status.ok()) ++found->second.errors[status.code()];
}

CallStats::Calls CallStats::Read() const {
  const MutexLock lock(&mutex_);
  return calls_;
}

}  // namespace muster::agent
