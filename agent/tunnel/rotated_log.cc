#include "agent/tunnel/rotated_log.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/hygiene/log_rotation.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr size_t kReadBytes = 64 << 10;

absl::Status ReadPlain(const LogFile& file, const std::function<bool(std::string_view)>& feed) {
  std::string buffer(kReadBytes, '\0');
  for (int64_t offset = 0;;) {
    MUSTER_ASSIGN_OR_RETURN(const size_t got, file.ReadAt(offset, buffer.data(), buffer.size()));
    if (got == 0 || !feed(std::string_view(buffer).substr(0, got))) return absl::OkStatus();
    offset += static_cast<int64_t>(got);
  }
}

absl::Status ReadCompressed(const LogFile& file, const std::string& name,
                            const std::function<bool(std::string_view)>& feed) {
  const int own = ::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0);
  if (own < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening ", name));
  gzFile in = ::gzdopen(own, "rb");
  if (in == nullptr) {
    ::close(own);
    return absl::ResourceExhaustedError("no memory to read a compressed log");
  }
  std::string buffer(kReadBytes, '\0');
  int got = 0;
  while ((got = ::gzread(in, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    if (!feed(std::string_view(buffer).substr(0, static_cast<size_t>(got)))) break;
  }
  ::gzclose(in);
  return got < 0 ? absl::DataLossError(absl::StrCat(name, " is damaged")) : absl::OkStatus();
}

}  // namespace

std::vector<RotatedLog> ListRotatedLogs(const LogFile& directory, const std::string& log_name) {
  std::vector<std::string> names;
  std::error_code error;
  for (const std::filesystem::directory_entry& entry :
       std::filesystem::directory_iterator(absl::StrCat("/proc/self/fd/", directory.fd()), error)) {
    names.push_back(entry.path().filename().string());
  }
  std::vector<RotatedLog> logs;
  for (const std::string& name : RotatedLogs(log_name, names)) {
    RotatedLog log{name, std::string(RotatedStem(name)), std::nullopt};
    if (!IsCompressed(name)) {
      absl::StatusOr<LogFile> file = OpenLogFile(directory, name);
      if (file.ok()) log.file = *std::move(file);
    }
    logs.push_back(std::move(log));
  }
  return logs;
}

absl::Status ReadRotatedLog(const LogFile& directory, const RotatedLog& log,
                            const std::function<bool(std::string_view)>& feed) {
  if (log.file) return ReadPlain(*log.file, feed);
  const std::string name = log.stem + ".gz";
  MUSTER_ASSIGN_OR_RETURN(const LogFile file, OpenLogFile(directory, name));
  return ReadCompressed(file, name, feed);
}

}  // namespace muster::agent
