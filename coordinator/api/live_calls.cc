#include "coordinator/api/live_calls.h"

#include <utility>
#include <vector>

namespace muster::coordinator {

void LiveCalls::Add(const std::shared_ptr<LiveCall>& call) {
  const std::optional<WallTime> until = call->until();
  bool sooner = false;
  {
    MutexLock lock(&mutex_);
    calls_[call.get()] = call;
    sooner = until && (!first_end_ || *until < *first_end_);
    if (sooner) first_end_ = until;
  }
  if (sooner && on_sooner_) on_sooner_();
}

void LiveCalls::Remove(const LiveCall* call) {
  MutexLock lock(&mutex_);
  calls_.erase(call);
}

void LiveCalls::CheckAll() {
  std::vector<std::shared_ptr<LiveCall>> calls;
  {
    MutexLock lock(&mutex_);
    for (const auto& [address, weak] : calls_) {
      if (std::shared_ptr<LiveCall> call = weak.lock()) calls.push_back(std::move(call));
    }
  }
  for (const auto& call : calls) call->CheckAgain();
}

std::optional<WallTime> LiveCalls::FirstEnd() {
  MutexLock lock(&mutex_);
  first_end_.reset();
  for (const auto& [address, weak] : calls_) {
    const std::shared_ptr<LiveCall> call = weak.lock();
    const std::optional<WallTime> until = call == nullptr ? std::nullopt : call->until();
    if (until && (!first_end_ || *until < *first_end_)) first_end_ = until;
  }
  return first_end_;
}

bool LiveCalls::empty() const {
  MutexLock lock(&mutex_);
  return calls_.empty();
}

}  // namespace muster::coordinator
