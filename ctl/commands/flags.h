#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// The values of flags that several commands have. InvalidArgument, for people, for anything else.

// "10s", "1m30s", and a bare number as seconds.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(const std::string& text);
// Nothing, without end, for "" and for 0.
absl::StatusOr<std::optional<std::chrono::milliseconds>> ParseTimeout(const std::string& text);
// none, client or server.
absl::StatusOr<DryRun> ParseDryRun(const std::string& text);

// "2026-01-31T12:00:00Z", for what the coordinator says in seconds since the epoch.
std::string DateText(int64_t unix_seconds);

inline constexpr char kDryRunFlag[] = "--dry-run{client}";
inline constexpr char kDryRunHelp[] = "Change nothing: none, client or server";

}  // namespace muster::ctl
