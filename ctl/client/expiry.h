#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace muster::ctl {

// What there is to say about the time of a person's certificate before it is used.
struct Expiry {
  absl::Status usable;  // FailedPrecondition when it is over, or has not begun.
  std::string warning;  // It is over soon. Mostly empty.
};

// `file` is where it was found, for the texts. What is no certificate is left for TLS to refuse.
// Pure.
Expiry CheckExpiry(const std::string& certificate_pem, const std::string& file, WallTime now);

}  // namespace muster::ctl
