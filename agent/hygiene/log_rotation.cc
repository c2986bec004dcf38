#include "agent/hygiene/log_rotation.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace muster::agent {
namespace {

constexpr std::string_view kCompressed = ".gz";
constexpr std::string_view kUnfinished = ".tmp";

bool IsUnfinished(std::string_view name) { return name.ends_with(kUnfinished); }

bool BelongsTo(std::string_view log, std::string_view name) {
  return name.size() > log.size() + 1 && name.starts_with(log) && name[log.size()] == '.';
}

constexpr char kStampFormat[] = "%E4Y%m%d-%H%M%S";

// Names are the order of rotated files, so a new one comes after all that are there: when two are
// rotated within a second, and when the clock was set back.
std::string NewName(std::string_view log, const std::vector<std::string>& rotated, WallTime now) {
  absl::Time time = absl::FromChrono(now);
  for (const std::string& name : rotated) {
    const std::string_view stamp = RotatedStem(name).substr(log.size() + 1);
    absl::Time taken;
    if (absl::ParseTime(kStampFormat, absl::string_view(stamp.data(), stamp.size()), &taken,
                        nullptr)) {
      time = std::max(time, taken + absl::Seconds(1));
    }
  }
  return absl::StrCat(std::string(log), ".",
                      absl::FormatTime(kStampFormat, time, absl::UTCTimeZone()));
}

}  // namespace

bool IsCompressed(std::string_view name) { return name.ends_with(kCompressed); }

std::string_view RotatedStem(std::string_view name) {
  if (IsCompressed(name)) name.remove_suffix(kCompressed.size());
  return name;
}

std::vector<std::string> RotatedLogs(std::string_view log, const std::vector<std::string>& names) {
  std::map<std::string, std::string> by_stem;
  for (const std::string& name : names) {
    if (!BelongsTo(log, name) || IsUnfinished(name)) continue;
    std::string& kept = by_stem[std::string(RotatedStem(name))];
    if (kept.empty() || IsCompressed(name)) kept = name;
  }
  std::vector<std::string> rotated;
  for (auto& [stem, name] : by_stem) rotated.push_back(std::move(name));
  return rotated;
}

RotationPlan PlanRotation(std::string_view log, const std::vector<std::string>& names,
                          const LogLimits& limits, WallTime now) {
  RotationPlan plan;
  const std::vector<std::string> rotated = RotatedLogs(log, names);
  for (const std::string& name : names) {
    if (BelongsTo(log, name) && std::ranges::find(rotated, name) == rotated.end()) {
      plan.remove.push_back(name);
    }
  }
  std::ranges::sort(plan.remove);
  // Room for the file that is rotated now, and for the one that will be written.
  const size_t kept_max = static_cast<size_t>(std::max(limits.files_max - 2, 0));
  const size_t excess = rotated.size() > kept_max ? rotated.size() - kept_max : 0;
  for (size_t i = 0; i < rotated.size(); ++i) {
    if (i < excess) {
      plan.remove.push_back(rotated[i]);
    } else if (!IsCompressed(rotated[i])) {
      plan.compress.push_back(rotated[i]);
    }
  }
  plan.rotated = NewName(log, rotated, now);
  return plan;
}

}  // namespace muster::agent
