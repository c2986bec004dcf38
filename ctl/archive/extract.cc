#include "ctl/archive/extract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "ctl/archive/copy_path.h"

namespace muster::ctl {
namespace {

absl::Status Failed(const std::string& path) { return absl::ErrnoToStatus(errno, path); }

// The folder at `place` below the folder `root`, made with those on the way. `root` itself may be a
// link, as the user gave it; nothing below may. The caller closes it.
absl::StatusOr<int> OpenFolder(const std::string& root, const std::vector<std::string>& place) {
  if (::mkdir(root.c_str(), 0777) != 0 && errno != EEXIST) return Failed(root);
  int folder = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return Failed(root);
  std::string path = root;
  for (const std::string& part : place) {
    absl::StrAppend(&path, "/", part);
    int next = -1;
    if (::mkdirat(folder, part.c_str(), 0777) == 0 || errno == EEXIST) {
      next = ::openat(folder, part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (next < 0) {
      const absl::Status failed = Failed(path);
      ::close(folder);
      return failed;
    }
    ::close(std::exchange(folder, next));
  }
  return folder;
}

bool IsFolder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Extractor::Extractor(std::string asked, std::string target,
                     std::function<void(const std::string&)> warn)
    : asked_(std::move(asked)), target_(std::move(target)), warn_(std::move(warn)) {}

Extractor::~Extractor() {
  if (file_ >= 0) ::close(file_);
}

absl::Status Extractor::Begin(const TarEntry& entry) {
  const auto place = PlaceBelow(asked_, entry.name);
  if (!place) {
    warn_(absl::StrCat("file \"", entry.name, "\" is outside target destination, skipping"));
    return absl::OkStatus();
  }
  switch (entry.kind) {
    case TarEntry::Kind::kFile:
      return BeginFile(entry, *place);
    case TarEntry::Kind::kDirectory: {
      const absl::StatusOr<int> folder = OpenFolder(target_, *place);
      if (!folder.ok()) return folder.status();
      ::close(*folder);
      wrote_ = true;
      return absl::OkStatus();
    }
    case TarEntry::Kind::kSymlink:
      warn_(absl::StrCat("skipping symlink: \"", entry.name, "\" -> \"", entry.link, "\""));
      return absl::OkStatus();
    case TarEntry::Kind::kOther:
      warn_(absl::StrCat("skipping special file: \"", entry.name, "\""));
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Extractor::BeginFile(const TarEntry& entry, const std::vector<std::string>& place) {
  const mode_t mode = entry.mode & 0777;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  if (place.empty()) {
    const bool into = IsFolder(target_);
    file_name_ = into ? absl::StrCat(target_, "/", BaseName(asked_)) : target_;
    file_ = ::open(file_name_.c_str(), into ? kFlags | O_NOFOLLOW : kFlags, mode);
  } else {
    const std::vector<std::string> folders(place.begin(), place.end() - 1);
    MUSTER_ASSIGN_OR_RETURN(const int folder, OpenFolder(target_, folders));
    file_name_ = absl::StrCat(target_, "/", entry.name);
    file_ = ::openat(folder, place.back().c_str(), kFlags | O_NOFOLLOW, mode);
    const int error = errno;
    ::close(folder);
    errno = error;
  }
  if (file_ < 0) return Failed(file_name_);
  wrote_ = true;
  return absl::OkStatus();
}

absl::Status Extractor::Data(std::string_view bytes) {
  if (file_ < 0) return absl::OkStatus();  // Of a file that is left out.
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return Failed(file_name_);
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status Extractor::End() {
  if (file_ < 0) return absl::OkStatus();
  return ::close(std::exchange(file_, -1)) == 0 ? absl::OkStatus() : Failed(file_name_);
}

}  // namespace muster::ctl
