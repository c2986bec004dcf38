#include "agent/host/control_groups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

int64_t WeightOf(int64_t shares) { return 1 + (shares - 2) * 9999 / 262142; }

bool IsVersion2(const std::string& root) {
  std::error_code ignored;
  return fs::exists(root + "/cgroup.controllers", ignored);
}

// The hierarchy of a controller: a directory of its name, or of its name among others.
std::string HierarchyOf(const std::string& root, const std::string& controller) {
  std::error_code error;
  for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    const std::vector<absl::string_view> names = absl::StrSplit(name, ',');
    if (std::ranges::find(names, controller) != names.end()) return it->path().string();
  }
  return "";
}

std::string ReadLine(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, 1 << 16);
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

// Files of control groups take one write, and are never made by it.
absl::Status Write(const std::string& path, const std::string& value) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  const bool written =
      fd >= 0 && ::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (written) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", value, " to ", path));
}

absl::Status WriteFiles(const std::string& group, const std::vector<GroupFile>& files) {
  for (const GroupFile& file : files) {
    const std::string path = absl::StrCat(group, "/", file.name);
    std::error_code ignored;
    if (!fs::exists(path, ignored) || ReadLine(path) == file.value) continue;
    MUSTER_RETURN_IF_ERROR(Write(path, file.value));
  }
  return absl::OkStatus();
}

// The runtime does the same below the group. Where it cannot, the files are missing there.
void Enable(const std::string& group, const std::set<std::string>& controllers) {
  const std::vector<std::string> available =
      absl::StrSplit(ReadLine(group + "/cgroup.controllers"), ' ');
  const std::string switches = group + "/cgroup.subtree_control";
  const std::vector<std::string> enabled = absl::StrSplit(ReadLine(switches), ' ');
  for (const std::string& controller : controllers) {
    if (std::ranges::find(available, controller) == available.end()) continue;
    if (std::ranges::find(enabled, controller) != enabled.end()) continue;
    Write(switches, "+" + controller).IgnoreError();
  }
}

absl::Status WriteVersion2(const std::string& root, const std::string& path,
                           const std::vector<GroupFile>& files) {
  std::set<std::string> controllers;
  for (const GroupFile& file : files) controllers.insert(file.controller);
  std::string group = root;
  for (const absl::string_view step : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    Enable(group, controllers);
    absl::StrAppend(&group, "/", step);
    MUSTER_RETURN_IF_ERROR(MakeDirectories(group, 0755));
  }
  return WriteFiles(group, files);
}

absl::Status WriteVersion1(const std::string& root, const std::string& path,
                           const std::vector<GroupFile>& files) {
  for (auto begin = files.begin(); begin != files.end();) {
    const auto end = std::find_if(begin, files.end(), [&](const GroupFile& file) {
      return file.controller != begin->controller;
    });
    const std::string hierarchy = HierarchyOf(root, begin->controller);
    if (!hierarchy.empty()) {
      MUSTER_RETURN_IF_ERROR(MakeDirectories(hierarchy + path, 0755));
      MUSTER_RETURN_IF_ERROR(WriteFiles(hierarchy + path, {begin, end}));
    }
    begin = end;
  }
  return absl::OkStatus();
}

// What a limit is now; nothing when the group has no such file.
std::optional<int64_t> LimitIn(const std::string& file) {
  const std::string text = ReadLine(file);
  if (text.empty()) return std::nullopt;
  const std::string first = text.substr(0, text.find(' '));
  int64_t value = 0;
  if (first == "max" || !absl::SimpleAtoi(first, &value) || value < 0) return kUnlimited;
  return value;
}

}  // namespace

std::vector<GroupFile> GroupFiles(const LinuxResources& values, bool version_2) {
  std::vector<GroupFile> files;
  if (values.cpu_shares > 0 && version_2) {
    files.push_back({"cpu", "cpu.weight", absl::StrCat(WeightOf(values.cpu_shares))});
  } else if (values.cpu_shares > 0) {
    files.push_back({"cpu", "cpu.shares", absl::StrCat(values.cpu_shares)});
  }
  if (values.cpu_quota_us > 0 && version_2) {
    files.push_back(
        {"cpu", "cpu.max", absl::StrCat(values.cpu_quota_us, " ", values.cpu_period_us)});
  } else if (values.cpu_quota_us > 0) {
    files.push_back({"cpu", "cpu.cfs_period_us", absl::StrCat(values.cpu_period_us)});
    files.push_back({"cpu", "cpu.cfs_quota_us", absl::StrCat(values.cpu_quota_us)});
  }
  if (values.memory_limit_bytes > 0) {
    files.push_back({"memory", version_2 ? "memory.max" : "memory.limit_in_bytes",
                     absl::StrCat(values.memory_limit_bytes)});
  }
  for (const auto& [size, bytes] : values.hugepage_limit_bytes) {
    files.push_back({"hugetlb",
                     absl::StrCat("hugetlb.", size, version_2 ? ".max" : ".limit_in_bytes"),
                     absl::StrCat(bytes)});
  }
  return files;
}

std::string PathOfGroup(const std::string& name) {
  absl::string_view rest = name;
  if (absl::StartsWith(rest, "/") || !absl::ConsumeSuffix(&rest, ".slice")) return name;
  std::string path, prefix;
  for (const absl::string_view part : absl::StrSplit(rest, '-')) {
    absl::StrAppend(&prefix, prefix.empty() ? "" : "-", part);
    absl::StrAppend(&path, "/", prefix, ".slice");
  }
  return path;
}

absl::Status WriteControlGroup(const std::string& root, const std::string& path,
                               const LinuxResources& values) {
  const bool version_2 = IsVersion2(root);
  const std::vector<GroupFile> files = GroupFiles(values, version_2);
  return version_2 ? WriteVersion2(root, path, files) : WriteVersion1(root, path, files);
}

LinuxResources WithoutLowering(const std::string& root, const std::string& path,
                               LinuxResources values) {
  const bool version_2 = IsVersion2(root);
  const auto narrower = [&](const char* controller, const char* file_1, const char* file_2,
                            int64_t wanted) {
    const std::string hierarchy = version_2 ? root : HierarchyOf(root, controller);
    const auto now = LimitIn(absl::StrCat(hierarchy, path, "/", version_2 ? file_2 : file_1));
    return now && *now > wanted;
  };
  if (narrower("cpu", "cpu.cfs_quota_us", "cpu.max", values.cpu_quota_us)) {
    values.cpu_quota_us = values.cpu_period_us = 0;
  }
  if (narrower("memory", "memory.limit_in_bytes", "memory.max", values.memory_limit_bytes)) {
    values.memory_limit_bytes = 0;
  }
  return values;
}

}  // namespace muster::agent
