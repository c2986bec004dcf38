#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace muster::ctl {

// One end of a cp: "[[NAMESPACE/]POD:]PATH".
struct CopyEnd {
  std::string ns, pod;  // No pod: a path of this machine.
  std::string path;
  bool remote() const { return !pod.empty(); }
};
// InvalidArgument, in kubectl's words, for anything else.
absl::StatusOr<CopyEnd> ParseCopyEnd(const std::string& text);

// "/a//b/./c/../d/" -> "/a/b/d". "" and "." are ".". Of a relative path ".." in front stay.
std::string CleanPath(const std::string& path);
// The last part of a path; "/" has none.
std::string BaseName(const std::string& path);

// The name of an archive's entry without the path that was asked for, part by part: where it goes
// below the target. Empty: it is what was asked for itself. nullopt: it is not below what was asked
// for, or would leave the target.
std::optional<std::vector<std::string>> PlaceBelow(const std::string& asked,
                                                   const std::string& name);

}  // namespace muster::ctl
