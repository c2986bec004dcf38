#pragma once

#include <string>

#include "absl/status/status.h"

namespace muster::ctl {

// What the programs end with; part of the contract with scripts.
inline constexpr int kExitDone = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitRolloutFailed = 2;
inline constexpr int kExitTimedOut = 3;
inline constexpr int kExitNothingMatched = 4;
inline constexpr int kExitUsage = 64;

// A failed call in kubectl's words, without a newline: `Error from server (NotFound): ...`, or what
// to do when the coordinator cannot be reached at `server`.
std::string ErrorText(const absl::Status& status, const std::string& server);

}  // namespace muster::ctl
