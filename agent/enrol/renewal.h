#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace muster::agent {

// What counts about a node's certificate when its renewal is decided. Plain value.
struct HeldCertificate {
  WallTime not_before, not_after;
  std::string issuer;  // sha256:HEX of its CA's key
  double dice = 0;     // 0 to 1, drawn when it came.
};

// Who the coordinator says signs now.
struct WantedIssuer {
  std::string hash;   // Empty: it has not said.
  WallTime heard_at;  // For the first time.
};

enum class RenewalCause { kAge, kExpired, kNewCa };
struct RenewalPlan {
  WallTime at;  // Not before; in the past: now.
  RenewalCause cause = RenewalCause::kAge;

  bool operator==(const RenewalPlan&) const = default;
};

// When this certificate is to be replaced, and why. By age as pki::RenewalTime says. When another
// CA signs by now, within a minute, or a twentieth of its life if that is less: every node of the
// fleet hears of it at once. Pure.
RenewalPlan PlanRenewal(const HeldCertificate& held, const WantedIssuer& wanted, WallTime now);

// How long to wait after a try that came to nothing, `failures` being how many there were in a row.
// Whoever was not reached is asked again as often as for a session; whoever refused would refuse
// again, so that becomes an hour. What lives for a moment only is asked for more often. Pure.
Duration RenewalPause(int failures, const absl::Status& why, Duration life, double dice);

}  // namespace muster::agent
