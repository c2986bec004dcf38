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

std::string NewName(std::string_view log, const std::vector<std::string>& names, WallTime now) {
  const std::string stamp =
      absl::StrCat(std::string(log), ".",
                   absl::FormatTime("%Y%m%d-%H%M%S", absl::FromChrono(now), absl::UTCTimeZone()));
  std::string name = stamp;
  const auto taken = [&names](const std::string& wanted) {
    return std::ranges::any_of(
        names, [&wanted](const std::string& each) { return RotatedStem(each) == wanted; });
  };
  for (int number = 1; taken(name); ++number) name = absl::StrCat(stamp, ".", number);
  return name;
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
  plan.rotated = NewName(log, names, now);
  return plan;
}

}  // namespace muster::agent
