#include "agent/tunnel/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

absl::StatusOr<LogFile> OpenIn(int directory, const std::string& name, int flags) {
  const int fd = ::openat(directory, name.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return LogFile(fd);
  if (errno == ELOOP) {
    return absl::FailedPreconditionError(absl::StrCat(name, " is a symbolic link"));
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("opening ", name));
}

}  // namespace

LogFile& LogFile::operator=(LogFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

LogFile::~LogFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<int64_t> LogFile::Size() const {
  struct stat info;
  if (::fstat(fd_, &info) != 0) return absl::ErrnoToStatus(errno, "reading the log");
  return info.st_size;
}

absl::StatusOr<size_t> LogFile::ReadAt(int64_t offset, char* buffer, size_t length) const {
  size_t got = 0;
  while (got < length) {
    const ssize_t n = ::pread(fd_, buffer + got, length - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "reading the log");
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  return got;
}

bool LogFile::SameFile(const LogFile& other) const {
  struct stat mine, theirs;
  return ::fstat(fd_, &mine) == 0 && ::fstat(other.fd_, &theirs) == 0 &&
         mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

absl::StatusOr<LogFile> OpenLogDirectory(const std::string& path) {
  const std::filesystem::path container = path;
  const std::filesystem::path pod = container.parent_path();
  MUSTER_ASSIGN_OR_RETURN(const LogFile root,
                          OpenIn(AT_FDCWD, pod.parent_path().string(), O_DIRECTORY));
  MUSTER_ASSIGN_OR_RETURN(const LogFile pod_directory,
                          OpenIn(root.fd(), pod.filename().string(), O_DIRECTORY | O_NOFOLLOW));
  return OpenIn(pod_directory.fd(), container.filename().string(), O_DIRECTORY | O_NOFOLLOW);
}

absl::StatusOr<LogFile> OpenLogFile(const LogFile& directory, const std::string& name) {
  // Not blocking, so that a pipe put there is found out instead of waited for.
  MUSTER_ASSIGN_OR_RETURN(LogFile file, OpenIn(directory.fd(), name, O_NOFOLLOW | O_NONBLOCK));
  struct stat info;
  if (::fstat(file.fd(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(name, " is not a regular file"));
  }
  return file;
}

}  // namespace muster::agent
