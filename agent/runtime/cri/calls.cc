#include "agent/runtime/cri/calls.h"

namespace muster::agent::cri {

bool Calls::Add(grpc::ClientContext* context) {
  absl::MutexLock lock(&mutex_);
  if (closing_) return false;
  contexts_.insert(context);
  return true;
}

void Calls::Remove(const grpc::ClientContext* context, const std::function<void()>& destroy) {
  absl::MutexLock lock(&mutex_);
  // Under the lock, so that CancelAndWait neither cancels a context that is gone nor returns while
  // one is being destroyed.
  contexts_.erase(const_cast<grpc::ClientContext*>(context));
  destroy();
}

void Calls::CancelAndWait() {
  absl::MutexLock lock(&mutex_);
  closing_ = true;
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
  mutex_.Await(absl::Condition(
      +[](std::set<grpc::ClientContext*>* contexts) { return contexts->empty(); }, &contexts_));
}

}  // namespace muster::agent::cri
