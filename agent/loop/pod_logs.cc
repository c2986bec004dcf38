#include "agent/loop/pod_logs.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kDirectoryMode = 0755;
constexpr size_t kTailLinesMax = 80;
constexpr size_t kTailBytesMax = 2048;
// Time stamp, stream and flags of every line come on top of its text.
constexpr std::streamoff kTailReadBytes = 16 * 1024;

absl::Status FromError(const std::error_code& error, const std::string& what) {
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), what);
}

// The number in "N.log" or "N.log.20260102-030405[.gz]".
bool LogNumber(const std::string& name, uint32_t* number) {
  const size_t end = name.find(".log");
  return end != std::string::npos && absl::SimpleAtoi(name.substr(0, end), number);
}

}  // namespace

absl::Status LinuxPodLogs::MakeDirectory(const std::string& pod_directory,
                                         const std::string& container) {
  return MakeDirectories(absl::StrCat(pod_directory, "/", container), kDirectoryMode);
}

absl::Status LinuxPodLogs::Link(const std::string& link_name, const std::string& log_path) {
  std::error_code error;
  if (!fs::exists(log_path, error)) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(MakeDirectories(link_directory_, kDirectoryMode));
  const fs::path link = fs::path(link_directory_) / link_name;
  fs::remove(link, error);
  fs::create_symlink(log_path, link, error);
  return FromError(error, absl::StrCat("cannot link ", link.string()));
}

void LinuxPodLogs::RemoveLinks(const std::string& prefix) {
  std::error_code error;
  std::vector<fs::path> stale;
  for (const fs::directory_entry& entry : fs::directory_iterator(link_directory_, error)) {
    std::error_code ignored;
    const fs::path target = fs::read_symlink(entry.path(), ignored);
    if (!ignored && absl::StartsWith(target.string(), prefix)) stale.push_back(entry.path());
  }
  for (const fs::path& path : stale) fs::remove(path, error);
}

absl::Status LinuxPodLogs::RemoveInstance(const std::string& pod_directory,
                                          const std::string& container, uint32_t restart_count) {
  const fs::path directory = fs::path(pod_directory) / container;
  const std::string prefix = absl::StrCat(restart_count, ".log");
  RemoveLinks((directory / prefix).string());
  std::error_code error;
  std::vector<fs::path> logs;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    uint32_t number = 0;
    if (LogNumber(entry.path().filename().string(), &number) && number == restart_count) {
      logs.push_back(entry.path());
    }
  }
  absl::Status first;
  for (const fs::path& path : logs) {
    fs::remove(path, error);
    if (first.ok()) first = FromError(error, absl::StrCat("cannot remove ", path.string()));
  }
  return first;
}

absl::Status LinuxPodLogs::RemovePod(const std::string& pod_directory) {
  RemoveLinks(pod_directory + "/");
  std::error_code error;
  fs::remove_all(pod_directory, error);
  return FromError(error, absl::StrCat("cannot remove ", pod_directory));
}

absl::Status LinuxPodLogs::RemovePodByUid(const std::string& root, const std::string& pod_uid) {
  std::error_code error;
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, error)) {
    // No part of the name has an underscore in it.
    const std::vector<std::string> parts = absl::StrSplit(entry.path().filename().string(), '_');
    if (parts.size() == 3 && parts[2] == pod_uid) found.push_back(entry.path().string());
  }
  absl::Status first;
  for (const std::string& directory : found) {
    if (absl::Status removed = RemovePod(directory); first.ok()) first = removed;
  }
  return first;
}

uint32_t LinuxPodLogs::RestartsFromLogs(const std::string& pod_directory,
                                        const std::string& container) {
  uint32_t next = 0;
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(pod_directory) / container, error)) {
    uint32_t number = 0;
    if (LogNumber(entry.path().filename().string(), &number)) next = std::max(next, number + 1);
  }
  return next;
}

std::string LinuxPodLogs::Tail(const std::string& log_path) {
  std::ifstream file(log_path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  const std::streamoff from = size > kTailReadBytes ? size - kTailReadBytes : 0;
  file.seekg(from);
  std::string raw(static_cast<size_t>(size - from), '\0');
  file.read(raw.data(), static_cast<std::streamsize>(raw.size()));
  raw.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));

  std::vector<std::string> texts;
  bool first = from > 0;  // The first line may be the end of one.
  for (const absl::string_view line : absl::StrSplit(raw, '\n', absl::SkipEmpty())) {
    if (std::exchange(first, false)) continue;
    // TIME STREAM F|P TEXT
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (parts.size() < 3) continue;
    const absl::string_view text = parts.size() == 4 ? parts[3] : absl::string_view();
    texts.push_back(parts[2] == "P" ? std::string(text) : absl::StrCat(text, "\n"));
  }
  std::string tail;
  for (size_t i = texts.size() > kTailLinesMax ? texts.size() - kTailLinesMax : 0; i < texts.size();
       ++i) {
    tail += texts[i];
  }
  return tail.size() > kTailBytesMax ? tail.substr(tail.size() - kTailBytesMax) : tail;
}

}  // namespace muster::agent
