#include "agent/volumes/mounts.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

constexpr size_t kMountPointColumn = 4;

// Blanks, tabs, newlines and backslashes are \ooo in mountinfo.
std::string Unescaped(absl::string_view text) {
  std::string result;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto digit = [&](size_t i) { return text[at + i] >= '0' && text[at + i] <= '7'; };
    if (text[at] == '\\' && at + 3 < text.size() && digit(1) && digit(2) && digit(3)) {
      result += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                                  (text[at + 3] - '0'));
      at += 3;
    } else {
      result += text[at];
    }
  }
  return result;
}

// Those of the thread, which need not be in the mount namespace of the others.
absl::StatusOr<std::vector<std::string>> MountsNow(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::string mountinfo, ReadFile("/proc/thread-self/mountinfo"));
  return MountPointsBelow(mountinfo, path);
}

}  // namespace

std::vector<std::string> MountPointsBelow(std::string_view mountinfo, const std::string& path) {
  std::vector<std::string> result;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(mountinfo.data(), mountinfo.size()), '\n')) {
    const std::vector<absl::string_view> columns = absl::StrSplit(line, ' ');
    if (columns.size() <= kMountPointColumn) continue;
    std::string point = Unescaped(columns[kMountPointColumn]);
    if (point == path || absl::StartsWith(point, absl::StrCat(path, "/"))) {
      result.push_back(std::move(point));
    }
  }
  // What was mounted last lies on top.
  std::reverse(result.begin(), result.end());
  std::stable_sort(result.begin(), result.end(), [](const std::string& a, const std::string& b) {
    return std::count(a.begin(), a.end(), '/') > std::count(b.begin(), b.end(), '/');
  });
  return result;
}

absl::Status MountTmpfs(const std::string& path, uint64_t size_bytes) {
  MUSTER_RETURN_IF_ERROR(MakeDirectories(path, 0755));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> mounted, MountsNow(path));
  if (std::find(mounted.begin(), mounted.end(), path) != mounted.end()) return absl::OkStatus();
  const std::string options =
      size_bytes == 0 ? "mode=0755" : absl::StrCat("mode=0755,size=", size_bytes);
  if (::mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("mounting a tmpfs at ", path));
  }
  return absl::OkStatus();
}

absl::Status UnmountBelow(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> mounted, MountsNow(path));
  for (const std::string& point : mounted) {
    // Detached, because a container that is just going may still hold it.
    if (::umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL) {
      return absl::ErrnoToStatus(errno, absl::StrCat("unmounting ", point));
    }
  }
  if (mounted.empty()) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> left, MountsNow(path));
  if (left.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(left.front(), " is still mounted"));
}

absl::Status RemoveTree(const std::string& path) {
  MUSTER_RETURN_IF_ERROR(UnmountBelow(path));
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("removing ", path));
  return absl::OkStatus();
}

}  // namespace muster::agent
