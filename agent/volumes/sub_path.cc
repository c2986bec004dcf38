#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/volumes/mounts.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// The kernel resolves the path and refuses any step that leaves `root`, so there is no moment
// between a check and its use that a container could use to swap in a link.
int OpenBeneath(int root, const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) return static_cast<int>(fd);
  }
}

absl::Status MakeBeneath(int root, const std::string& path, mode_t mode) {
  std::string done;
  Descriptor parent(OpenBeneath(root, "."));
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    const std::string name(part);
    done = done.empty() ? name : absl::StrCat(done, "/", name);
    int fd = OpenBeneath(root, done);
    if (fd < 0 && errno == ENOENT) {
      if (::mkdirat(parent.get(), name.c_str(), mode) != 0 && errno != EEXIST) {
        return absl::ErrnoToStatus(errno, absl::StrCat("making ", done));
      }
      fd = OpenBeneath(root, done);
    }
    if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening ", done));
    parent = Descriptor(fd);
  }
  return absl::OkStatus();
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Something of the same kind to mount on.
absl::Status MakeTarget(const std::string& target, bool directory) {
  if (directory) return MakeDirectories(target, 0750);
  MUSTER_RETURN_IF_ERROR(MakeDirectories(target.substr(0, target.rfind('/')), 0750));
  const int fd = ::open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("creating ", target));
  ::close(fd);
  return absl::OkStatus();
}

}  // namespace

absl::Status BindSubPath(const std::string& volume_root, const std::string& sub_path,
                         const std::string& target) {
  const Descriptor root(::open(volume_root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat root_info;
  if (root.get() < 0 || ::fstat(root.get(), &root_info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("opening ", volume_root));
  }
  int fd = OpenBeneath(root.get(), sub_path);
  if (fd < 0 && errno == ENOENT) {
    MUSTER_RETURN_IF_ERROR(MakeBeneath(root.get(), sub_path, root_info.st_mode & 0777));
    fd = OpenBeneath(root.get(), sub_path);
  }
  if (fd < 0) {
    if (errno == EXDEV) {
      return absl::PermissionDeniedError(absl::StrCat(sub_path, " leads out of its volume"));
    }
    return absl::ErrnoToStatus(errno, absl::StrCat("opening ", sub_path, " in ", volume_root));
  }
  const Descriptor source(fd);
  struct stat source_info;
  struct stat target_info;
  if (::fstat(source.get(), &source_info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("looking at ", sub_path));
  }
  if (::stat(target.c_str(), &target_info) == 0) {
    if (SameFile(source_info, target_info)) return absl::OkStatus();
    // Of a former instance: its inode may be another one by now.
    MUSTER_RETURN_IF_ERROR(RemoveTree(target));
  }
  MUSTER_RETURN_IF_ERROR(MakeTarget(target, S_ISDIR(source_info.st_mode)));
  const std::string link = absl::StrCat("/proc/self/fd/", source.get());
  if (::mount(link.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("binding ", sub_path, " onto ", target));
  }
  return absl::OkStatus();
}

}  // namespace muster::agent
