#include "coordinator/audit/audit_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr char kCurrent[] = "audit.log";

std::string PathOf(const std::string& directory, const std::string& name) {
  return absl::StrCat(directory, "/", name);
}

// Those that were put aside, the oldest first.
std::vector<std::string> OldFiles(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    std::string name = entry.path().filename();
    if (absl::StartsWith(name, "audit-") && absl::EndsWith(name, ".log")) {
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());  // Numbers in their names have one length.
  return names;
}

// Nothing when there is no such file.
void ReadInto(const std::string& path, const std::string& name, audit::ChainReader& reader) {
  std::ifstream file(path, std::ios::binary);
  reader.BeginFile(name);
  std::string line;
  while (std::getline(file, line)) reader.Line(line, !file.eof());
}

void SyncDirectory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// The last line that vouches for itself, whatever stands before it.
std::optional<audit::Seal> LastSealIn(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::optional<audit::Seal> last;
  std::string line;
  while (std::getline(file, line)) {
    if (std::optional<audit::Seal> seal = audit::ReadSeal(line); seal && !file.eof()) last = seal;
  }
  return last;
}

bool EndsInTheMiddle(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(-1, std::ios::end);
  return file && file.get() != '\n';
}

}  // namespace

absl::StatusOr<AuditFile::Opened> AuditFile::Open(Options options) {
  if (!options.write) options.write = &::write;
  MUSTER_RETURN_IF_ERROR(Annotate(MakeDirectories(options.directory, 0700), "audit log"));
  const std::string path = PathOf(options.directory, kCurrent);
  audit::ChainReader reader;
  ReadInto(path, kCurrent, reader);
  Opened opened;
  opened.broken = reader.broken().value_or("");
  if (opened.broken.empty()) opened.torn = reader.torn();
  opened.file.reset(new AuditFile(std::move(options)));
  AuditFile& file = *opened.file;
  file.last_ = {0, "", audit::NoHash()};
  if (reader.first()) file.first_seq_ = reader.first()->seq;
  // After a break the chain goes on with what came last, so that there is one break and not two.
  const std::optional<audit::Seal> last = opened.broken.empty() ? reader.last() : LastSealIn(path);
  if (last) {
    file.last_ = *last;
  } else if (const auto old = OldFiles(file.options_.directory); !old.empty()) {
    audit::ChainReader before;
    ReadInto(PathOf(file.options_.directory, old.back()), old.back(), before);
    if (before.last()) file.last_ = *before.last();
    if (opened.broken.empty()) opened.broken = before.broken().value_or("");
  }
  MUSTER_RETURN_IF_ERROR(file.OpenCurrent());
  // What is torn is ended, so that the next line is one.
  if (EndsInTheMiddle(path)) MUSTER_RETURN_IF_ERROR(file.WriteAll("\n"));
  return opened;
}

AuditFile::~AuditFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status AuditFile::OpenCurrent() {
  const std::string path = PathOf(options_.directory, kCurrent);
  fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat found = {};
  if (fd_ < 0 || ::fstat(fd_, &found) != 0) return absl::ErrnoToStatus(errno, path);
  size_ = found.st_size;
  return absl::OkStatus();
}

absl::Status AuditFile::WriteAll(std::string_view bytes) {
  const int64_t before = size_;
  while (!bytes.empty()) {
    const ssize_t count = options_.write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error = count < 0 ? errno : EIO;
      // Half a line in front of what comes later would be damage.
      if (size_ > before && ::ftruncate(fd_, before) == 0) size_ = before;
      return absl::ErrnoToStatus(error, PathOf(options_.directory, kCurrent));
    }
    size_ += count;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status AuditFile::Append(const std::vector<std::string>& objects) {
  if (size_ >= options_.bytes_max) {
    // One that cannot be put aside is written on: better too long than lost.
    if (const absl::Status status = Rotate(); !status.ok()) {
      spdlog::error("audit log: cannot begin a new file: {}", status.ToString());
    }
  }
  if (fd_ < 0) MUSTER_RETURN_IF_ERROR(OpenCurrent());
  std::string lines;
  audit::Seal seal = last_;
  for (const std::string& object : objects) {
    seal = {seal.seq + 1, seal.hash, ""};
    absl::StrAppend(&lines, audit::SealLine(object, seal), "\n");
  }
  MUSTER_RETURN_IF_ERROR(WriteAll(lines));
  if (first_seq_ == 0) first_seq_ = last_.seq + 1;
  last_ = std::move(seal);
  return absl::OkStatus();
}

absl::Status AuditFile::Sync() {
  if (fd_ >= 0 && ::fdatasync(fd_) != 0) return absl::ErrnoToStatus(errno, "audit log");
  return absl::OkStatus();
}

// The chain goes on in the new file, wherever this is cut short.
absl::Status AuditFile::Rotate() {
  if (first_seq_ == 0) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(Sync());
  const std::string name = absl::StrFormat("audit-%020u.log", first_seq_);
  std::error_code error;
  fs::rename(PathOf(options_.directory, kCurrent), PathOf(options_.directory, name), error);
  if (error) return absl::InternalError(absl::StrCat("renaming to ", name, ": ", error.message()));
  SyncDirectory(options_.directory);
  // To be compared with one day: what is in the journal is harder to change with it.
  spdlog::info("audit log: {} ends with line {}, hash {}", name, last_.seq, last_.hash);
  ::close(fd_);
  fd_ = -1;
  size_ = 0;
  first_seq_ = 0;
  RemoveOldest();
  return OpenCurrent();
}

void AuditFile::RemoveOldest() {
  std::vector<std::string> old = OldFiles(options_.directory);
  for (size_t i = 0; i + static_cast<size_t>(options_.files_max) <= old.size(); ++i) {
    std::error_code error;
    fs::remove(PathOf(options_.directory, old[i]), error);
    if (error) spdlog::error("audit log: cannot remove {}: {}", old[i], error.message());
  }
}

}  // namespace muster::coordinator
