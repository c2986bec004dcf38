#include "ctl/archive/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "ctl/archive/tar.h"

namespace muster::ctl {
namespace {

constexpr size_t kReadBytes = 32 << 10;

class Packer {
 public:
  explicit Packer(const std::function<bool(std::string_view)>& write) : write_(write) {}

  // `follow`: what the user named may be a link.
  absl::Status Add(const std::string& path, const std::string& name, bool follow) {
    struct stat status {};
    if ((follow ? ::stat(path.c_str(), &status) : ::lstat(path.c_str(), &status)) != 0) {
      return absl::ErrnoToStatus(errno, path);
    }
    TarEntry entry;
    entry.name = name;
    entry.mode = status.st_mode & 07777;
    entry.modified_unix_seconds = status.st_mtime;
    if (S_ISDIR(status.st_mode)) return AddFolder(path, entry);
    if (S_ISREG(status.st_mode)) return AddFile(path, entry, follow);
    if (S_ISLNK(status.st_mode)) return AddLink(path, entry);
    return absl::OkStatus();
  }

  absl::Status Write(std::string_view bytes) {
    return write_(bytes) ? absl::OkStatus() : absl::CancelledError("nobody takes the archive");
  }

 private:
  absl::Status AddFolder(const std::string& path, TarEntry entry) {
    entry.kind = TarEntry::Kind::kDirectory;
    const std::string name = entry.name;
    entry.name += "/";
    MUSTER_RETURN_IF_ERROR(Write(TarHeader(entry)));
    DIR* folder = ::opendir(path.c_str());
    if (folder == nullptr) return absl::ErrnoToStatus(errno, path);
    std::vector<std::string> children;
    while (const dirent* child = ::readdir(folder)) {
      const std::string each = child->d_name;
      if (each != "." && each != "..") children.push_back(each);
    }
    ::closedir(folder);
    std::ranges::sort(children);
    for (const std::string& child : children) {
      MUSTER_RETURN_IF_ERROR(
          Add(absl::StrCat(path, "/", child), absl::StrCat(name, "/", child), false));
    }
    return absl::OkStatus();
  }

  absl::Status AddFile(const std::string& path, TarEntry entry, bool follow) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0) return absl::ErrnoToStatus(errno, path);
    const absl::Status status = AddOpenFile(fd, path, entry);
    ::close(fd);
    return status;
  }

  absl::Status AddOpenFile(int fd, const std::string& path, TarEntry entry) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return absl::ErrnoToStatus(errno, path);
    entry.size = static_cast<uint64_t>(status.st_size);
    MUSTER_RETURN_IF_ERROR(Write(TarHeader(entry)));
    std::string buffer(kReadBytes, '\0');
    // As much as the header says, whatever happens to the file meanwhile.
    for (uint64_t left = entry.size; left > 0;) {
      const ssize_t got =
          ::read(fd, buffer.data(), static_cast<size_t>(std::min<uint64_t>(left, buffer.size())));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return absl::ErrnoToStatus(errno, path);
      if (got == 0) {
        return absl::AbortedError(absl::StrCat(path, " became shorter while it was read"));
      }
      MUSTER_RETURN_IF_ERROR(Write(std::string_view(buffer).substr(0, static_cast<size_t>(got))));
      left -= static_cast<uint64_t>(got);
    }
    return Write(TarPadding(entry.size));
  }

  absl::Status AddLink(const std::string& path, TarEntry entry) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    if (length < 0) return absl::ErrnoToStatus(errno, path);
    entry.kind = TarEntry::Kind::kSymlink;
    entry.link.assign(target, static_cast<size_t>(length));
    return Write(TarHeader(entry));
  }

  const std::function<bool(std::string_view)>& write_;
};

}  // namespace

absl::Status Pack(const std::string& path, const std::string& name,
                  const std::function<bool(std::string_view)>& write) {
  Packer packer(write);
  MUSTER_RETURN_IF_ERROR(packer.Add(path, name, true));
  return packer.Write(TarEnd());
}

}  // namespace muster::ctl
