#include "agent/workload/restart_backoff.h"

#include <algorithm>

namespace muster::agent {
namespace {

using std::chrono::seconds;

seconds Doubled(seconds wait, const BackoffLimits& limits) {
  return wait == seconds(0) ? limits.first : std::min(wait * 2, limits.ceiling);
}

}  // namespace

bool RestartBackoff::Recovered(MonoTime exited_at) const {
  return wait_ == seconds(0) || exited_at - last_start_ > limits_.steady_after;
}

std::optional<MonoTime> RestartBackoff::HeldUntil(MonoTime exited_at, MonoTime now) const {
  if (Recovered(exited_at)) return std::nullopt;
  const MonoTime until = exited_at + wait_;
  return now < until ? std::optional(until) : std::nullopt;
}

void RestartBackoff::OnStart(MonoTime exited_at, MonoTime now) {
  wait_ = Recovered(exited_at) ? limits_.first : Doubled(wait_, limits_);
  last_start_ = now;
}

std::optional<MonoTime> ImageBackoff::HeldUntil(MonoTime now) const {
  if (wait_ == seconds(0)) return std::nullopt;
  const MonoTime until = last_failure_ + wait_;
  return now < until ? std::optional(until) : std::nullopt;
}

void ImageBackoff::OnFailure(MonoTime now) {
  const bool recovered = wait_ != seconds(0) && now - last_failure_ > limits_.steady_after;
  wait_ = recovered ? limits_.first : Doubled(wait_, limits_);
  last_failure_ = now;
}

std::chrono::milliseconds RetryWait::OnFailure() {
  next_ = next_.count() == 0 ? first_ : std::min(next_ * 2, ceiling_);
  return next_;
}

}  // namespace muster::agent
