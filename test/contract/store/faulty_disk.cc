#include "test/contract/store/faulty_disk.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace muster {
namespace {

// Globals, since the kernel's calls have nowhere to carry a context.
std::atomic<int64_t> operations{0};
std::atomic<int64_t> syncs{0};
std::atomic<bool> armed{false};
std::atomic<bool> struck{false};
std::atomic<DiskFault> fault{DiskFault::kKill};
std::atomic<int64_t> strikes_at{0};

// True when this operation, which can suffer `one` or `other`, meets its fault.
bool Meets(DiskFault one, DiskFault other) {
  const int64_t number = operations++;
  if (!armed || number < strikes_at || (fault != one && fault != other)) return false;
  struck = true;
  return true;
}

}  // namespace

void ArmDisk(DiskFault what, int64_t operations_before) {
  fault = what;
  strikes_at = operations + operations_before;
  struck = false;
  armed = true;
}

void DisarmDisk() { armed = false; }
bool DiskStruck() { return struck; }
int64_t DiskOperations() { return operations; }
int64_t DiskSyncs() { return syncs; }

}  // namespace muster

// The dynamic linker prefers these to the C library's.
extern "C" ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  if (muster::Meets(muster::DiskFault::kKill, muster::DiskFault::kNoSpace)) {
    const long half = ::syscall(SYS_pwrite64, fd, data, size / 2, offset);
    if (muster::fault == muster::DiskFault::kKill) ::kill(::getpid(), SIGKILL);
    if (half > 0 && size > 512) return half;  // SQLite goes on, and meets it again.
    errno = ENOSPC;
    return -1;
  }
  return ::syscall(SYS_pwrite64, fd, data, size, offset);
}

extern "C" int fdatasync(int fd) {
  ++muster::syncs;
  if (muster::Meets(muster::DiskFault::kKill, muster::DiskFault::kSyncFails)) {
    if (muster::fault == muster::DiskFault::kKill) ::kill(::getpid(), SIGKILL);
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}
