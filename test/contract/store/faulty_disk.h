#pragma once

#include <cstdint>

namespace muster {

// Stands between SQLite and the kernel in this test program: pwrite and fdatasync are counted, and
// one of them can be made to go wrong. Armed and read by one thread at a time.
enum class DiskFault {
  kKill,     // The process dies in the middle of the write, or before the sync.
  kNoSpace,  // This write and all that follow find half the space they need.
  kSyncFails,
};

// Strikes after `operations_before` more operations have gone well.
void ArmDisk(DiskFault fault, int64_t operations_before);
void DisarmDisk();
// True when the armed fault struck.
bool DiskStruck();

// Since the program began.
int64_t DiskOperations();
int64_t DiskSyncs();

}  // namespace muster
