#include "agent/host/process_exits.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

bool HasEnded(int pidfd) {
  pollfd wait{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&wait, 1, 0) == 1;
}

}  // namespace

struct ProcessExits::Process {
  explicit Process(int pidfd) : pidfd(pidfd) {}
  ~Process() {
    source.reset();  // Before what it waits for.
    ::close(pidfd);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const int pidfd;
  std::unique_ptr<EventLoop::Source> source;
};

ProcessExits::ProcessExits(EventLoop& loop) : loop_(loop) {}

ProcessExits::~ProcessExits() = default;

ExitWatch::Answer ProcessExits::Watch(const std::string& id, int64_t pid,
                                      std::function<void()> on_exit) {
  processes_.erase(id);
  if (id.empty() || pid <= 0) return Answer::kUnwatchable;
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
  if (pidfd < 0) return errno == ESRCH ? Answer::kEnded : Answer::kUnwatchable;
  auto process = std::make_unique<Process>(pidfd);
  // Only now is the number one process, and stays it.
  const absl::StatusOr<std::string> groups = ReadFile(absl::StrCat("/proc/", pid, "/cgroup"));
  if (HasEnded(pidfd)) return Answer::kEnded;  // Which has left its group, too.
  if (!groups.ok() || !absl::StrContains(*groups, id)) return Answer::kUnwatchable;
  absl::StatusOr<std::unique_ptr<EventLoop::Source>> source =
      loop_.OnReadable(pidfd, [this, id, on_exit = std::move(on_exit)] {
        processes_.erase(id);
        on_exit();
      });
  if (!source.ok()) return Answer::kUnwatchable;
  process->source = *std::move(source);
  processes_[id] = std::move(process);
  return Answer::kWatched;
}

void ProcessExits::Forget(const std::string& id) { processes_.erase(id); }

}  // namespace muster::agent
