#include "coordinator/backup/backup.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "common/version/version.h"
#include "coordinator/backup/backup_file.h"
#include "coordinator/enrol/certificate_authority.h"
#include "coordinator/store/sqlite/schema.h"

namespace muster::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr char kUser[] = "muster-coordinator";
constexpr char kCaFile[] = "ca.pem";
constexpr size_t kKeyBytesMax = 1 << 20;
constexpr int kCopiesMax = 5;

absl::Status FromErrno(const std::string& what) { return absl::ErrnoToStatus(errno, what); }

absl::Status Sync(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FromErrno(absl::StrCat("opening ", path));
  const bool synced = ::fsync(fd) == 0;
  absl::Status status = synced ? absl::OkStatus() : FromErrno(absl::StrCat("syncing ", path));
  ::close(fd);
  return status;
}

std::string ParentOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return FromErrno(absl::StrCat("renaming ", from, " to ", to));
  }
  return Sync(ParentOf(to));
}

// Removes what is not finished on every way out but the good one.
class Leftover {
 public:
  explicit Leftover(std::string path) : path_(std::move(path)) { Remove(); }
  Leftover(const Leftover&) = delete;
  Leftover& operator=(const Leftover&) = delete;
  ~Leftover() { Remove(); }

 private:
  void Remove() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    for (const char* beside : {"-wal", "-shm", "-journal"}) fs::remove(path_ + beside, ignored);
  }
  const std::string path_;
};

// SQLite would let the umask decide who can read it.
absl::Status CreateEmpty(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return FromErrno(absl::StrCat("making ", path));
  ::close(fd);
  return absl::OkStatus();
}

// All that SQLite holds of `from` at one moment, whoever writes to it.
absl::Status CopyDatabase(const std::string& from, const std::string& to) {
  MUSTER_RETURN_IF_ERROR(CreateEmpty(to));
  MUSTER_ASSIGN_OR_RETURN(Database source, Database::Open(from));
  return source.Execute(absl::StrCat("VACUUM INTO '", absl::StrReplaceAll(to, {{"'", "''"}}), "'"));
}

absl::StatusOr<KeyFiles> ReadKeys(const std::string& directory) {
  KeyFiles keys;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->is_regular_file()) continue;
    MUSTER_ASSIGN_OR_RETURN(keys[fs::relative(it->path(), directory).string()],
                            ReadFile(it->path().string(), kKeyBytesMax));
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("reading ", directory));
  if (!keys.contains(kCaFile)) {
    return absl::NotFoundError(absl::StrCat(directory, " has no ", kCaFile));
  }
  return keys;
}

absl::Status WriteKeys(const KeyFiles& keys, const std::string& directory) {
  MUSTER_RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  for (const auto& [path, content] : keys) {
    const fs::path relative = fs::path(path).lexically_normal();
    if (relative.is_absolute() || relative.begin() == relative.end() || *relative.begin() == "..") {
      return absl::DataLossError(absl::StrCat("a key in it is called ", path));
    }
    const std::string target = absl::StrCat(directory, "/", relative.string());
    MUSTER_RETURN_IF_ERROR(MakeDirectories(ParentOf(target), 0700));
    MUSTER_RETURN_IF_ERROR(WriteFileAtomically(target, content, 0600));
  }
  return absl::OkStatus();
}

// Of whoever the coordinator runs as: the owner of what is there, or the user of the package.
absl::Status GiveTo(const std::string& owner_of, const std::string& tree) {
  if (::geteuid() != 0) return absl::OkStatus();
  struct stat info;
  uid_t user = 0;
  gid_t group = 0;
  if (::stat(owner_of.c_str(), &info) == 0 && info.st_uid != 0) {
    user = info.st_uid;
    group = info.st_gid;
  } else if (const passwd* entry = ::getpwnam(kUser); entry != nullptr) {
    user = entry->pw_uid;
    group = entry->pw_gid;
  }
  std::vector<std::string> paths = {tree};
  std::error_code error;
  for (fs::recursive_directory_iterator it(tree, error), end; !error && it != end;
       it.increment(error)) {
    paths.push_back(it->path().string());
  }
  for (const std::string& path : paths) {
    if (::lchown(path.c_str(), user, group) != 0) {
      return FromErrno(absl::StrCat("giving ", path, " to the coordinator"));
    }
  }
  return absl::OkStatus();
}

// The coordinator's own lock on its store (sqlite_store.cc), so that neither runs while the other
// does.
class StoreLock {
 public:
  static absl::StatusOr<std::unique_ptr<StoreLock>> Take(const std::string& state_dir) {
    const std::string path = absl::StrCat(state_dir, "/", kStoreFile, ".lock");
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return FromErrno(absl::StrCat("opening ", path));
    auto lock = std::unique_ptr<StoreLock>(new StoreLock(fd));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("a coordinator is running on ", state_dir,
                       "; stop it first: systemctl stop muster-coordinator"));
    }
    MUSTER_RETURN_IF_ERROR(GiveTo(state_dir, path));
    return lock;
  }
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;
  ~StoreLock() { ::close(fd_); }

 private:
  explicit StoreLock(int fd) : fd_(fd) {}
  const int fd_;
};

bool IsThere(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// What there was, in a directory beside, in case it was needed after all.
absl::Status PutAside(const std::string& state_dir, WallTime now) {
  const std::string aside =
      absl::StrCat(state_dir, "/replaced-",
                   absl::FormatTime("%Y%m%d-%H%M%S", absl::FromChrono(now), absl::UTCTimeZone()));
  MUSTER_RETURN_IF_ERROR(MakeDirectories(aside, 0700));
  MUSTER_RETURN_IF_ERROR(GiveTo(state_dir, aside));
  // The store last: as long as it is there, nobody takes the rest for a fresh start.
  for (const std::string& name : {std::string(kKeysFolder), absl::StrCat(kStoreFile, "-shm"),
                                  absl::StrCat(kStoreFile, "-wal"), std::string(kStoreFile)}) {
    const std::string from = absl::StrCat(state_dir, "/", name);
    if (IsThere(from)) MUSTER_RETURN_IF_ERROR(Rename(from, absl::StrCat(aside, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BackupReport> MakeBackup(const std::string& state_dir, const std::string& path,
                                        WallTime now) {
  const std::string store = absl::StrCat(state_dir, "/", kStoreFile);
  if (!IsThere(store)) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", state_dir));
  }
  const std::string beside = absl::StrCat(path, ".new");
  const Leftover leftover(beside);
  const std::string keys_folder = absl::StrCat(state_dir, "/", kKeysFolder);
  // As they were all the while: what the store has is sealed with what was among them, and signed.
  KeyFiles keys;
  for (int attempt = 1;; ++attempt) {
    MUSTER_ASSIGN_OR_RETURN(keys, ReadKeys(keys_folder));
    MUSTER_RETURN_IF_ERROR(
        Annotate(CopyDatabase(store, beside), absl::StrCat("copying the store to ", beside)));
    MUSTER_ASSIGN_OR_RETURN(const KeyFiles after, ReadKeys(keys_folder));
    if (keys == after) break;
    if (attempt == kCopiesMax) {
      return absl::UnavailableError("the keys change all the time; try again");
    }
    const Leftover changed(beside);
  }
  BackupReport report;
  {
    MUSTER_ASSIGN_OR_RETURN(Database database, Database::Open(beside));
    MUSTER_RETURN_IF_ERROR(
        Annotate(TurnIntoBackup(database, keys, {.made = now, .version = Version()}),
                 absl::StrCat("writing ", beside)));
    MUSTER_ASSIGN_OR_RETURN(report, ReportOf(database));
  }
  MUSTER_RETURN_IF_ERROR(Sync(beside));
  MUSTER_RETURN_IF_ERROR(Rename(beside, path));
  return report;
}

absl::StatusOr<BackupReport> RestoreBackup(const std::string& path, const std::string& state_dir,
                                           bool replace, WallTime now) {
  if (!IsThere(path)) return absl::NotFoundError(absl::StrCat("there is no file ", path));
  const bool is_new = !IsThere(state_dir);
  MUSTER_RETURN_IF_ERROR(MakeDirectories(state_dir, 0700));
  if (is_new) MUSTER_RETURN_IF_ERROR(GiveTo(state_dir, state_dir));
  MUSTER_ASSIGN_OR_RETURN(const auto lock, StoreLock::Take(state_dir));
  const std::string store = absl::StrCat(state_dir, "/", kStoreFile);
  if (IsThere(store) && !replace) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is a store in ", state_dir,
                     " already; with --replace it is kept in a directory beside"));
  }
  // All is made ready first, so that what can fail has failed before anything changes.
  const std::string ready = absl::StrCat(state_dir, "/restore.new");
  const Leftover leftover(ready);
  MUSTER_RETURN_IF_ERROR(MakeDirectories(ready, 0700));
  const std::string ready_store = absl::StrCat(ready, "/", kStoreFile);
  const std::string ready_keys = absl::StrCat(ready, "/", kKeysFolder);
  BackupReport report;
  {
    MUSTER_ASSIGN_OR_RETURN(Database backup, Database::Open(path));
    MUSTER_RETURN_IF_ERROR(Annotate(CheckBackup(backup), absl::StrCat("the backup ", path)));
  }
  MUSTER_RETURN_IF_ERROR(CopyDatabase(path, ready_store));
  {
    MUSTER_ASSIGN_OR_RETURN(Database database, Database::Open(ready_store));
    MUSTER_ASSIGN_OR_RETURN(report, ReportOf(database));
    MUSTER_ASSIGN_OR_RETURN(const KeyFiles keys, KeysOf(database));
    MUSTER_RETURN_IF_ERROR(WriteKeys(keys, ready_keys));
    MUSTER_RETURN_IF_ERROR(TurnIntoStore(database));
    MUSTER_RETURN_IF_ERROR(PrepareSchema(database, ready_store));
  }
  MUSTER_RETURN_IF_ERROR(CertificateAuthority::LoadOrCreate(ready_keys, now).status());
  MUSTER_RETURN_IF_ERROR(GiveTo(state_dir, ready));
  MUSTER_RETURN_IF_ERROR(Sync(ready_store));

  if (IsThere(store) || IsThere(absl::StrCat(state_dir, "/", kKeysFolder))) {
    MUSTER_RETURN_IF_ERROR(PutAside(state_dir, now));
  }
  MUSTER_RETURN_IF_ERROR(Rename(ready_keys, absl::StrCat(state_dir, "/", kKeysFolder)));
  MUSTER_RETURN_IF_ERROR(Rename(ready_store, store));
  return report;
}

}  // namespace muster::coordinator
