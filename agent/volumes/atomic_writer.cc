#include "agent/volumes/atomic_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "agent/volumes/group_ownership.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

constexpr char kData[] = "..data";
constexpr char kDataNew[] = "..data_tmp";

absl::Status Failed(const char* doing, const std::string& path, const std::error_code& error) {
  return absl::ErrnoToStatus(error.value(), absl::StrCat(doing, " ", path));
}

absl::Status FailedErrno(const char* doing, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(doing, " ", path));
}

std::string FirstPart(const std::string& path) { return path.substr(0, path.find('/')); }

// What the directory shows now; nothing when it was never written or cannot be read.
Payload ReadBack(const fs::path& root) {
  Payload result;
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    struct stat info;
    if (::lstat(it->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    absl::StatusOr<std::string> content = ReadFile(it->path().string());
    if (!content.ok()) return {};
    result[fs::relative(it->path(), root, error).string()] = {*std::move(content),
                                                              info.st_mode & 07777};
  }
  return result;
}

absl::Status WriteOne(const std::string& path, const PayloadFile& file,
                      std::optional<gid_t> group) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return FailedErrno("creating", path);
  absl::Status status;
  for (size_t done = 0; done < file.content.size() && status.ok();) {
    const ssize_t written = ::write(fd, file.content.data() + done, file.content.size() - done);
    if (written < 0 && errno != EINTR) status = FailedErrno("writing", path);
    if (written > 0) done += static_cast<size_t>(written);
  }
  if (status.ok() && group && ::fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
    status = FailedErrno("setting group of", path);
  }
  if (status.ok() && ::fchmod(fd, file.mode) != 0) status = FailedErrno("setting mode of", path);
  if (::close(fd) != 0 && status.ok()) status = FailedErrno("closing", path);
  return status;
}

// The directories of a version, itself last: by it one sees that all of them are.
absl::Status GiveDirectories(const std::string& version, gid_t group) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(version, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_symlink() || !it->is_directory()) continue;
    MUSTER_RETURN_IF_ERROR(GiveDirectory(it->path().string(), group));
  }
  return error ? Failed("listing", version, error) : GiveDirectory(version, group);
}

absl::StatusOr<std::string> WriteVersion(const std::string& directory, const Payload& payload,
                                         std::optional<gid_t> group) {
  std::string made = absl::StrCat(directory, "/..v_XXXXXX");
  if (::mkdtemp(made.data()) == nullptr) return FailedErrno("making a directory in", directory);
  if (::chmod(made.c_str(), 0755) != 0) return FailedErrno("setting mode of", made);
  for (const auto& [path, file] : payload) {
    const std::string full = absl::StrCat(made, "/", path);
    MUSTER_RETURN_IF_ERROR(MakeDirectories(full.substr(0, full.rfind('/')), 0755));
    MUSTER_RETURN_IF_ERROR(WriteOne(full, file, group));
  }
  if (group) MUSTER_RETURN_IF_ERROR(GiveDirectories(made, *group));
  return made.substr(made.rfind('/') + 1);
}

// `link` -> `target`, replacing what is there.
absl::Status PointLink(const std::string& directory, const std::string& target) {
  const std::string beside = absl::StrCat(directory, "/", kDataNew);
  const std::string link = absl::StrCat(directory, "/", kData);
  if (::unlink(beside.c_str()) != 0 && errno != ENOENT) return FailedErrno("removing", beside);
  if (::symlink(target.c_str(), beside.c_str()) != 0) return FailedErrno("linking", beside);
  if (::rename(beside.c_str(), link.c_str()) != 0) return FailedErrno("renaming", beside);
  return absl::OkStatus();
}

// Makes the links of the payload's top-level names and sweeps everything that is not current.
absl::Status Tidy(const std::string& directory, const Payload& payload, const std::string& version,
                  const std::set<std::string>& nested) {
  std::set<std::string> names;
  for (const auto& [path, file] : payload) names.insert(FirstPart(path));
  for (const std::string& name : names) {
    const std::string link = absl::StrCat(directory, "/", name);
    const std::string target = absl::StrCat(kData, "/", name);
    std::error_code error;
    if (fs::read_symlink(link, error) == target) continue;
    fs::remove_all(link, error);
    if (::symlink(target.c_str(), link.c_str()) != 0) return FailedErrno("linking", link);
  }
  for (const std::string& path : nested) names.insert(FirstPart(path));
  std::error_code error;
  std::vector<fs::path> stale;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name != kData && name != version && !names.contains(name)) stale.push_back(it->path());
  }
  if (error) return Failed("listing", directory, error);
  for (const fs::path& path : stale) {
    fs::remove_all(path, error);
    if (error) return Failed("removing", path.string(), error);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteAtomically(const std::string& directory, const Payload& payload,
                             const std::set<std::string>& nested, std::optional<gid_t> group) {
  MUSTER_RETURN_IF_ERROR(MakeDirectories(directory, 0755));
  if (group) MUSTER_RETURN_IF_ERROR(GiveDirectory(directory, *group));
  std::error_code error;
  const fs::path link = fs::path(directory) / kData;
  std::string version = fs::read_symlink(link, error).string();
  const fs::path shown = fs::path(directory) / version;
  if (version.empty() || (group && !BelongsTo(shown.string(), *group)) ||
      ReadBack(shown) != payload) {
    MUSTER_ASSIGN_OR_RETURN(version, WriteVersion(directory, payload, group));
    MUSTER_RETURN_IF_ERROR(PointLink(directory, version));
  }
  MUSTER_RETURN_IF_ERROR(Tidy(directory, payload, version, nested));
  for (const std::string& path : nested) {
    MUSTER_RETURN_IF_ERROR(MakeDirectories(absl::StrCat(directory, "/", path), 0755));
  }
  return absl::OkStatus();
}

}  // namespace muster::agent
