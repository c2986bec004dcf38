#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster::agent {

// An open file, closed at the end of its life. Not thread-safe.
class LogFile {
 public:
  LogFile() = default;
  explicit LogFile(int fd) : fd_(fd) {}
  LogFile(LogFile&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  LogFile& operator=(LogFile&& other) noexcept;
  ~LogFile();

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  absl::StatusOr<int64_t> Size() const;
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t length) const;
  // Both are the same file on disk.
  bool SameFile(const LogFile& other) const;

 private:
  int fd_ = -1;
};

// The directory that a container's log files are in: PODS/NS_NAME_UID/CONTAINER. The last two
// parts are not followed when they are symbolic links: a pod that mounts the host's log directory
// could make any file of the host look like a log.
absl::StatusOr<LogFile> OpenLogDirectory(const std::string& path);

// A regular file in it, for reading. NotFound when it is not there.
absl::StatusOr<LogFile> OpenLogFile(const LogFile& directory, const std::string& name);

}  // namespace muster::agent
