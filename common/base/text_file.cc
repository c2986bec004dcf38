#include "common/base/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster {
namespace {

absl::Status Failed(std::string_view doing, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(std::string(doing), " ", path));
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return Failed("writing", path);
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteAndSync(const std::string& path, const std::string& content, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return Failed("creating", path);
  absl::Status status = WriteAll(fd, content, path);
  // The umask must not decide who can read a key.
  if (status.ok() && ::fchmod(fd, mode) != 0) status = Failed("setting the mode of", path);
  if (status.ok() && ::fsync(fd) != 0) status = Failed("syncing", path);
  if (::close(fd) != 0 && status.ok()) status = Failed("closing", path);
  return status;
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("opening", path);
  const int result = ::fsync(fd);
  absl::Status status = result == 0 ? absl::OkStatus() : Failed("syncing", path);
  ::close(fd);
  return status;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Failed("opening", path);
  std::string content;
  char buffer[16384];
  absl::Status status;
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      status = Failed("reading", path);
      break;
    }
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > bytes_max) {
      status = absl::ResourceExhaustedError(
          absl::StrCat(path, " is longer than the ", bytes_max, " bytes allowed"));
      break;
    }
  }
  ::close(fd);
  if (!status.ok()) return status;
  return content;
}

absl::Status WriteFileAtomically(const std::string& path, const std::string& content, mode_t mode) {
  const std::string beside = absl::StrCat(path, ".new");
  // A leftover of a writer that was killed.
  if (::unlink(beside.c_str()) != 0 && errno != ENOENT) return Failed("removing", beside);
  absl::Status status = WriteAndSync(beside, content, mode);
  if (status.ok() && ::rename(beside.c_str(), path.c_str()) != 0)
    status = Failed("renaming", beside);
  if (!status.ok()) {
    ::unlink(beside.c_str());
    return status;
  }
  return SyncDirectory(ParentOf(path));
}

absl::Status MakeDirectories(const std::string& path, mode_t mode) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (!part.empty() && ::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return Failed("making directory", part);
    }
    if (slash == std::string::npos) break;
  }
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return Failed("looking at", path);
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory"));
  }
  return absl::OkStatus();
}

}  // namespace muster
