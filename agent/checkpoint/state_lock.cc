#include "agent/checkpoint/state_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::agent {

absl::StatusOr<StateLock> StateLock::Take(const std::string& state_dir) {
  MUSTER_RETURN_IF_ERROR(MakeDirectories(state_dir, 0711));
  const std::string path = state_dir + "/lock";
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  StateLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("another muster-agent is running on ", state_dir));
  }
  return lock;
}

StateLock::~StateLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace muster::agent
