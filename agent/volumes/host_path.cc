#include "agent/volumes/host_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

struct HostPathKind {
  const char* type;
  mode_t format;
  const char* noun;  // As Kubernetes says it.
};

constexpr HostPathKind kKinds[] = {{"Directory", S_IFDIR, "a directory"},
                                   {"DirectoryOrCreate", S_IFDIR, "a directory"},
                                   {"File", S_IFREG, "a file"},
                                   {"FileOrCreate", S_IFREG, "a file"},
                                   {"Socket", S_IFSOCK, "a socket file"},
                                   {"CharDevice", S_IFCHR, "a character device"},
                                   {"BlockDevice", S_IFBLK, "a block device"}};

absl::Status CreateFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("creating ", path));
  ::close(fd);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckHostPath(const v1::HostPathVolumeSource& source) {
  const std::string& path = source.path();
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part == "..")
      return absl::InvalidArgumentError(absl::StrCat(path, " must not contain '..'"));
  }
  if (source.type().empty()) return absl::OkStatus();
  for (const HostPathKind& kind : kKinds) {
    if (source.type() != kind.type) continue;
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) {
      if (errno == ENOENT && source.type() == "DirectoryOrCreate") {
        return MakeDirectories(path, 0755);
      }
      if (errno == ENOENT && source.type() == "FileOrCreate") return CreateFile(path);
      if (errno != ENOENT) return absl::ErrnoToStatus(errno, absl::StrCat("looking at ", path));
    } else if ((info.st_mode & S_IFMT) == kind.format) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        absl::StrCat("hostPath type check failed: ", path, " is not ", kind.noun));
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown hostPath type ", source.type()));
}

}  // namespace muster::agent
