#include "ctl/commands/flags.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/macros.h"

namespace muster::ctl {

absl::StatusOr<std::chrono::milliseconds> ParseDuration(const std::string& text) {
  const bool bare = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  absl::Duration duration;
  if (!absl::ParseDuration(bare ? text + "s" : text, &duration) ||
      duration < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a duration such as 30s or 5m, found \"", text, "\""));
  }
  return absl::ToChronoMilliseconds(duration);
}

absl::StatusOr<std::optional<std::chrono::milliseconds>> ParseTimeout(const std::string& text) {
  if (text.empty()) return std::nullopt;
  MUSTER_ASSIGN_OR_RETURN(const std::chrono::milliseconds timeout, ParseDuration(text));
  if (timeout.count() == 0) return std::nullopt;
  return timeout;
}

absl::StatusOr<DryRun> ParseDryRun(const std::string& text) {
  if (text.empty() || text == "none") return DryRun::kNone;
  if (text == "client" || text == "true") return DryRun::kClient;
  if (text == "server") return DryRun::kServer;
  return absl::InvalidArgumentError(
      absl::StrCat("--dry-run: expected none, client or server, found \"", text, "\""));
}

std::string DateText(int64_t unix_seconds) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(unix_seconds),
                          absl::UTCTimeZone());
}

}  // namespace muster::ctl
