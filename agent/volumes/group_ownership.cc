#include "agent/volumes/group_ownership.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr mode_t kDirectoryMode = 0755 | S_ISGID;
constexpr mode_t kWritableRoot = 0777 | S_ISGID;
constexpr mode_t kWritableDirectory = 0770 | S_ISGID;
constexpr mode_t kWritableFile = 0660;
constexpr mode_t kModeBits = 07777;
constexpr uid_t kSameUser = static_cast<uid_t>(-1);

absl::Status Failed(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("giving ", path, " to its group"));
}

// A descriptor that is closed; one of O_PATH leads nowhere else, whatever happens to its name.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// The mode last: a change of the group takes bits away.
absl::Status Give(int fd, gid_t group, mode_t mode, const std::string& path) {
  if (::fchownat(fd, "", kSameUser, group, AT_EMPTY_PATH) != 0) return Failed(path);
  // The only way by which a descriptor of O_PATH gets a mode.
  if (::chmod(absl::StrCat("/proc/self/fd/", fd).c_str(), mode) != 0) return Failed(path);
  return absl::OkStatus();
}

absl::Status GiveContent(int directory, dev_t device, gid_t group, const std::string& path);

absl::Status GiveEntry(int directory, const char* name, dev_t device, gid_t group,
                       const std::string& path) {
  const Descriptor entry(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info;
  if (entry.get() < 0 || ::fstatat(entry.get(), "", &info, AT_EMPTY_PATH) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Failed(path);
  }
  // What is mounted there is not of this volume.
  if (S_ISLNK(info.st_mode) || info.st_dev != device) return absl::OkStatus();
  const mode_t mode = info.st_mode & kModeBits;
  if (!S_ISDIR(info.st_mode)) return Give(entry.get(), group, mode | kWritableFile, path);
  MUSTER_RETURN_IF_ERROR(GiveContent(entry.get(), device, group, path));
  return Give(entry.get(), group, mode | kWritableDirectory, path);
}

absl::Status GiveContent(int directory, dev_t device, gid_t group, const std::string& path) {
  const int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed(path);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(fd), &::closedir);
  if (listing == nullptr) {
    ::close(fd);
    return Failed(path);
  }
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    MUSTER_RETURN_IF_ERROR(
        GiveEntry(fd, entry->d_name, device, group, absl::StrCat(path, "/", std::string(name))));
  }
  return absl::OkStatus();
}

bool Is(const std::string& path, gid_t group, mode_t mode) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_gid == group &&
         (info.st_mode & mode) == mode;
}

}  // namespace

absl::Status GiveDirectory(const std::string& path, gid_t group) {
  if (BelongsTo(path, group)) return absl::OkStatus();
  const Descriptor directory(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return Failed(path);
  return Give(directory.get(), group, kDirectoryMode, path);
}

absl::Status GiveTree(const std::string& root, gid_t group) {
  if (Is(root, group, kWritableRoot)) return absl::OkStatus();
  const Descriptor directory(::open(root.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  struct stat info;
  if (directory.get() < 0 || ::fstatat(directory.get(), "", &info, AT_EMPTY_PATH) != 0) {
    return Failed(root);
  }
  MUSTER_RETURN_IF_ERROR(GiveContent(directory.get(), info.st_dev, group, root));
  return Give(directory.get(), group, kWritableRoot, root);
}

bool BelongsTo(const std::string& path, gid_t group) { return Is(path, group, kDirectoryMode); }

}  // namespace muster::agent
