#include "coordinator/api/live_calls.h"

#include <utility>
#include <vector>

namespace muster::coordinator {

void LiveCalls::Add(const std::shared_ptr<LiveCall>& call) {
  MutexLock lock(&mutex_);
  calls_[call.get()] = call;
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

bool LiveCalls::empty() const {
  MutexLock lock(&mutex_);
  return calls_.empty();
}

}  // namespace muster::coordinator
