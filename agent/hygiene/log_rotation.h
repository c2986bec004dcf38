#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace muster::agent {

// How long the log of one container may get (kubelet: containerLogMaxSize, containerLogMaxFiles).
// Plain value.
struct LogLimits {
  int64_t bytes_max = int64_t{10} << 20;  // Of the file that is written; negative: no limit.
  int files_max = 5;                      // With the one that is written; at least 2.
  bool operator==(const LogLimits&) const = default;
};

// What is done in a container's log directory before its log is opened anew. File names in it, to
// be done in the order of the members.
struct RotationPlan {
  std::vector<std::string> remove;
  std::vector<std::string> compress;  // NAME becomes NAME.gz, written as NAME.tmp first.
  std::string rotated;                // What the log so far is called from now on.
  bool operator==(const RotationPlan&) const = default;
};

// Pure. `log` is the file the runtime writes ("0.log"), `names` are all files beside it.
//
// As kubelet rotates: what an interrupted compression left is removed, the oldest go until there is
// room, the others are compressed, and only the newest stays readable as it is, since whoever
// follows the log may not be through with it. Names end in the time in UTC, so that they sort by
// it; a name that is taken already gets a number behind it.
RotationPlan PlanRotation(std::string_view log, const std::vector<std::string>& names,
                          const LogLimits& limits, WallTime now);

// Rotated files of `log`, oldest first, each once: NAME.gz counts for NAME when both are there, and
// files that are only being written do not count.
std::vector<std::string> RotatedLogs(std::string_view log, const std::vector<std::string>& names);

// NAME of NAME.gz, else the name itself: what a rotated file was called first.
std::string_view RotatedStem(std::string_view name);
bool IsCompressed(std::string_view name);

}  // namespace muster::agent
