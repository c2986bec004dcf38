#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster::agent {

// The mount points at or below `path` in the text of /proc/self/mountinfo, deepest first.
std::vector<std::string> MountPointsBelow(std::string_view mountinfo, const std::string& path);

// A tmpfs at `path` (made when missing) unless one is there. `size_bytes` 0: the kernel's default.
absl::Status MountTmpfs(const std::string& path, uint64_t size_bytes);

// Takes away everything mounted at or below `path`. OK only when nothing is left.
absl::Status UnmountBelow(const std::string& path);

// Unmounts, then deletes `path`. Deletes nothing while anything is mounted below it: through a bind
// mount that would be somebody's data.
absl::Status RemoveTree(const std::string& path);

// Binds what `sub_path` names inside `volume_root` onto `target` and returns nothing else on the
// way: links that lead out of the volume are refused, a missing directory is made. Bound again
// when what it names has changed.
absl::Status BindSubPath(const std::string& volume_root, const std::string& sub_path,
                         const std::string& target);

}  // namespace muster::agent
