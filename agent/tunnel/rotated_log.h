#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/tunnel/log_file.h"

namespace muster::agent {

// One of the files that a log was before it was rotated.
struct RotatedLog {
  std::string name, stem;       // "0.log.20260102-030405.gz" and that without ".gz".
  std::optional<LogFile> file;  // Open, unless it is compressed.
};

// Oldest first. What cannot be opened is left out.
std::vector<RotatedLog> ListRotatedLogs(const LogFile& directory, const std::string& log_name);

// Feeds its bytes as the runtime wrote them, until `feed` returns false. NotFound: it was removed
// meanwhile. A file that was compressed since it was listed is found under its new name.
absl::Status ReadRotatedLog(const LogFile& directory, const RotatedLog& log,
                            const std::function<bool(std::string_view)>& feed);

}  // namespace muster::agent
