#include "agent/enrol/renewal.h"

#include <algorithm>
#include <chrono>

#include "common/pki/pki.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSpreadMax = 60s;
constexpr Duration kPauseFirst = 10s;
constexpr Duration kPauseUnreached = 30s;
constexpr Duration kPauseRefused = 1h;
constexpr Duration kPauseMin = 1s;
constexpr int kPartOfLife = 20;
constexpr int kDoublingsMax = 20;

Duration Part(Duration whole, double part) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::nano>(whole) *
                                              std::clamp(part, 0.0, 1.0));
}

WallTime After(WallTime from, Duration wait) {
  return from + std::chrono::duration_cast<WallTime::duration>(wait);
}

}  // namespace

RenewalPlan PlanRenewal(const HeldCertificate& held, const WantedIssuer& wanted, WallTime now) {
  if (now > held.not_after) return {held.not_after, RenewalCause::kExpired};
  const RenewalPlan by_age = {pki::RenewalTime(held.not_before, held.not_after, held.dice),
                              RenewalCause::kAge};
  if (wanted.hash.empty() || wanted.hash == held.issuer) return by_age;
  const Duration life = held.not_after - held.not_before;
  const Duration spread = std::min(kSpreadMax, life / kPartOfLife);
  const RenewalPlan by_ca = {After(wanted.heard_at, Part(spread, held.dice)), RenewalCause::kNewCa};
  return by_ca.at < by_age.at ? by_ca : by_age;
}

Duration RenewalPause(int failures, const absl::Status& why, Duration life, double dice) {
  const bool unreached = absl::IsUnavailable(why) || absl::IsDeadlineExceeded(why);
  const Duration most = std::max(
      kPauseMin, std::min(unreached ? kPauseUnreached : kPauseRefused, life / kPartOfLife));
  Duration pause = std::min(kPauseFirst, most);
  for (int i = 1; i < std::min(failures, kDoublingsMax) && pause < most; ++i) pause *= 2;
  pause = std::min(pause, most);
  return pause / 2 + Part(pause / 2, dice);
}

}  // namespace muster::agent
