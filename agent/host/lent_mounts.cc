#include "agent/host/lent_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace muster::agent {
namespace {

constexpr char kName[] = "host-mounts";
constexpr char kForget[] = "FDSTOREREMOVE=1\nFDNAME=host-mounts";
constexpr char kKeep[] = "FDSTORE=1\nFDNAME=host-mounts";
// Until systemd has taken it, for it looks up who sent it.
constexpr uint64_t kTakenWithinUs = 10'000'000;

}  // namespace

absl::Status LendMounts() {
  // That of the start before may be there still.
  int result = sd_notify(/*unset_environment=*/0, kForget);
  if (result == 0) return absl::FailedPreconditionError("there is no systemd to lend it to");
  // Not its own: systemd gives every process of the unit one, be it confined or not.
  const int mounts = ::open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (mounts < 0) return absl::ErrnoToStatus(errno, "the mount namespace of the host");
  if (result > 0) {
    result = sd_pid_notify_with_fds(/*pid=*/0, /*unset_environment=*/0, kKeep, &mounts, 1);
  }
  if (result > 0) result = sd_notify_barrier(/*unset_environment=*/0, kTakenWithinUs);
  ::close(mounts);
  return result > 0 ? absl::OkStatus() : absl::ErrnoToStatus(-result, "handing it to systemd");
}

absl::StatusOr<int> LentMounts() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/0, &names);
  int found = -1;
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(names[i], kName) == 0) found = SD_LISTEN_FDS_START + i;
    std::free(names[i]);
  }
  std::free(names);
  const char* mounts = std::getenv("MUSTER_MOUNTS");
  if (found < 0 && mounts != nullptr && std::string_view(mounts) == "lent") {
    return absl::FailedPreconditionError(
        "systemd did not hand over the host's mount namespace, without which no container would "
        "see a volume: does a drop-in of the unit change ExecStartPre=, NotifyAccess= or "
        "FileDescriptorStoreMax=?");
  }
  return found;
}

absl::Status EnterMounts(int mounts) {
  // Root and working directory are of the mount namespace, and all threads share them until then.
  if (::unshare(CLONE_FS) != 0) return absl::ErrnoToStatus(errno, "a root of its own");
  if (::setns(mounts, CLONE_NEWNS) != 0) {
    return absl::ErrnoToStatus(errno, "entering the host's mount namespace");
  }
  return absl::OkStatus();
}

}  // namespace muster::agent
