#include "agent/gate/gate.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr char kOpen[] = "ready";
constexpr char kNoAgent[] = "waiting for muster-agent";
constexpr size_t kLineMax = 64 << 10;

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

// A descriptor that becomes readable when the directory's files change.
class DirectoryWatch {
 public:
  static absl::StatusOr<DirectoryWatch> On(const std::string& directory) {
    const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) return absl::ErrnoToStatus(errno, "watching files");
    DirectoryWatch watch(fd);
    if (::inotify_add_watch(fd, directory.c_str(),
                            IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF) < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("watching ", directory));
    }
    return watch;
  }
  DirectoryWatch(DirectoryWatch&& other) : fd_(std::exchange(other.fd_, -1)) {}
  ~DirectoryWatch() {
    if (fd_ >= 0) ::close(fd_);
  }

  // False when `left` is over first.
  bool Wait(std::optional<milliseconds> left) const {
    pollfd poll = {fd_, POLLIN, 0};
    const int wait = left ? static_cast<int>(std::clamp<int64_t>(left->count(), 0, 1 << 30)) : -1;
    const int ready = ::poll(&poll, 1, wait);
    if (ready < 0) return true;  // A signal: whoever waits looks again.
    char events[4096];
    while (::read(fd_, events, sizeof events) > 0) {
    }
    return ready > 0;
  }

 private:
  explicit DirectoryWatch(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace

std::string GateLine(const std::optional<std::vector<std::string>>& waits) {
  if (!waits) return "waiting to learn from the coordinator what this node runs";
  if (waits->empty()) return kOpen;
  return absl::StrCat("waiting for ", absl::StrJoin(*waits, ", "));
}

bool GateIsOpen(const std::string& line) { return line == kOpen; }

std::string GatePath(const std::string& run_dir) { return run_dir + "/gate"; }

absl::Status GateSign::Show(const std::optional<std::vector<std::string>>& waits) {
  std::string line = GateLine(waits);
  if (line == shown_) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(MakeDirectories(DirectoryOf(path_), 0755));
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(path_, line + "\n", 0644));
  shown_ = std::move(line);
  return absl::OkStatus();
}

absl::Status AwaitGate(const std::string& path, std::optional<milliseconds> timeout,
                       const std::function<void(const std::string& line)>& tell) {
  const auto deadline = Steady::now() + timeout.value_or(milliseconds(0));
  MUSTER_RETURN_IF_ERROR(MakeDirectories(DirectoryOf(path), 0755));
  // Before the first look, so that no change falls in between.
  MUSTER_ASSIGN_OR_RETURN(const DirectoryWatch watch, DirectoryWatch::On(DirectoryOf(path)));
  std::string told;
  while (true) {
    absl::StatusOr<std::string> text = ReadFile(path, kLineMax);
    if (!text.ok() && !absl::IsNotFound(text.status())) return text.status();
    std::string line = text.ok() ? *text : kNoAgent;
    if (line.ends_with('\n')) line.pop_back();
    if (line != told) tell(line);
    told = line;
    if (GateIsOpen(line)) return absl::OkStatus();
    std::optional<milliseconds> left;
    if (timeout) left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    if ((left && left->count() <= 0) || !watch.Wait(left)) {
      return absl::DeadlineExceededError(absl::StrCat("still ", line));
    }
  }
}

}  // namespace muster::agent
