#pragma once

#include <chrono>
#include <optional>

#include "common/base/clock.h"

namespace muster::coordinator {

// So many at once, and so many a second in the long run. A plain value; callers say when things
// happen, in the order of time. Begins full.
class TokenBucket {
 public:
  struct Rate {
    double per_second = 1;  // Over 0.
    double burst = 1;       // At least 1.
  };

  // Takes one. When there is none: nothing is taken, and the answer is how long until there is.
  std::optional<Duration> Take(const Rate& rate, MonoTime now) {
    const auto one =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / rate.per_second));
    const auto all = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(rate.burst / rate.per_second));
    const MonoTime full_again = (full_at_ > now ? full_at_ : now) + one;
    if (full_again - now > all) return full_again - now - all;
    full_at_ = full_again;
    return std::nullopt;
  }
  // Takes so many whether they are there or not, so that there are none until they have come back;
  // they have at the latest when twice the burst has.
  void Charge(const Rate& rate, double count, MonoTime now) {
    const MonoTime full_again = (full_at_ > now ? full_at_ : now) +
                                std::chrono::duration_cast<Duration>(
                                    std::chrono::duration<double>(count / rate.per_second));
    const MonoTime most = now + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
                                    2 * rate.burst / rate.per_second));
    full_at_ = full_again < most ? full_again : most;
  }
  // How long until there is one; nothing: there is.
  std::optional<Duration> Wait(const Rate& rate, MonoTime now) const {
    TokenBucket other = *this;
    return other.Take(rate, now);
  }
  // As one that nothing was ever taken from.
  bool IsFull(MonoTime now) const { return full_at_ <= now; }

 private:
  MonoTime full_at_{};
};

}  // namespace muster::coordinator
