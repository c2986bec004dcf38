// The part of LinuxPodLogs that rotates. Pods may be able to write where logs are, so files are
// reached by way of their directory and no symbolic link in it is followed.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/loop/pod_logs.h"
#include "agent/tunnel/log_file.h"
#include "agent/volumes/tree_size.h"
#include "common/base/macros.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 64 << 10;

absl::Status Errno(const char* doing, const std::string& name) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", doing, " ", name));
}

absl::StatusOr<LogFile> DirectoryOf(const std::string& log_path) {
  return OpenLogDirectory(fs::path(log_path).parent_path().string());
}

std::string NameOf(const std::string& log_path) { return fs::path(log_path).filename().string(); }

absl::StatusOr<std::vector<std::string>> ListNames(const std::string& log_path) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(log_path).parent_path(), error)) {
    names.push_back(entry.path().filename().string());
  }
  if (error) return absl::ErrnoToStatus(error.value(), "cannot list the logs");
  return names;
}

// The content of `from` into the open file `to`, compressed. Closes `to`.
absl::Status CompressInto(const LogFile& from, int to, const std::string& name) {
  gzFile out = ::gzdopen(to, "wb");
  if (out == nullptr) {
    ::close(to);
    return absl::ResourceExhaustedError("no memory to compress a log");
  }
  std::string block(kBlockBytes, '\0');
  absl::Status status;
  for (int64_t offset = 0; status.ok();) {
    const absl::StatusOr<size_t> got = from.ReadAt(offset, block.data(), block.size());
    if (!got.ok()) status = got.status();
    if (!got.ok() || *got == 0) break;
    if (::gzwrite(out, block.data(), static_cast<unsigned>(*got)) == 0) {
      status = Errno("write", name);
    }
    offset += static_cast<int64_t>(*got);
  }
  if (::gzclose(out) != Z_OK && status.ok()) status = Errno("write", name);
  return status;
}

absl::Status Compress(const LogFile& directory, const std::string& name) {
  MUSTER_ASSIGN_OR_RETURN(const LogFile from, OpenLogFile(directory, name));
  struct stat info;
  if (::fstat(from.fd(), &info) != 0) return Errno("read", name);
  const std::string unfinished = name + ".tmp";
  const int to = ::openat(directory.fd(), unfinished.c_str(),
                          O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (to < 0) return Errno("make", unfinished);
  // Whoever could read the log can read on.
  absl::Status status;
  if (::fchown(to, info.st_uid, info.st_gid) != 0 || ::fchmod(to, info.st_mode & 0777) != 0) {
    status = Errno("make", unfinished);
    ::close(to);
  } else {
    status = CompressInto(from, to, unfinished);
  }
  if (status.ok() &&
      ::renameat(directory.fd(), unfinished.c_str(), directory.fd(), (name + ".gz").c_str()) != 0) {
    status = Errno("rename", unfinished);
  }
  if (!status.ok()) {
    ::unlinkat(directory.fd(), unfinished.c_str(), 0);
    return status;
  }
  if (::unlinkat(directory.fd(), name.c_str(), 0) != 0) return Errno("remove", name);
  return absl::OkStatus();
}

absl::Status Rename(const LogFile& directory, const std::string& from, const std::string& to) {
  if (::renameat2(directory.fd(), from.c_str(), directory.fd(), to.c_str(), RENAME_NOREPLACE) ==
      0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot rename ", from, " to ", to));
}

}  // namespace

absl::StatusOr<int64_t> LinuxPodLogs::Size(const std::string& log_path) {
  MUSTER_ASSIGN_OR_RETURN(const LogFile directory, DirectoryOf(log_path));
  MUSTER_ASSIGN_OR_RETURN(const LogFile file, OpenLogFile(directory, NameOf(log_path)));
  return file.Size();
}

absl::StatusOr<std::string> LinuxPodLogs::Rotate(const std::string& log_path,
                                                 const LogLimits& limits, WallTime now) {
  MUSTER_ASSIGN_OR_RETURN(const LogFile directory, DirectoryOf(log_path));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListNames(log_path));
  const RotationPlan plan = PlanRotation(NameOf(log_path), names, limits, now);
  for (const std::string& name : plan.remove) {
    if (::unlinkat(directory.fd(), name.c_str(), 0) != 0 && errno != ENOENT) {
      return Errno("remove", name);
    }
  }
  for (const std::string& name : plan.compress) {
    // A log that cannot be compressed, for want of room perhaps, must still not grow for ever.
    if (absl::Status status = Compress(directory, name); !status.ok()) {
      spdlog::warn("log {} stays as it is: {}", log_path, std::string(status.message()));
    }
  }
  MUSTER_RETURN_IF_ERROR(Rename(directory, NameOf(log_path), plan.rotated));
  return plan.rotated;
}

absl::Status LinuxPodLogs::RotateBack(const std::string& log_path, const std::string& rotated) {
  MUSTER_ASSIGN_OR_RETURN(const LogFile directory, DirectoryOf(log_path));
  absl::Status status = Rename(directory, rotated, NameOf(log_path));
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

std::map<std::string, int64_t> LinuxPodLogs::BytesOf(const std::string& pod_directory) {
  std::map<std::string, int64_t> bytes;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(pod_directory, error)) {
    bytes[entry.path().filename().string()] = MeasureTree(entry.path().string()).bytes;
  }
  return bytes;
}

}  // namespace muster::agent
