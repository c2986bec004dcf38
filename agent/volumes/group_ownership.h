#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace muster::agent {

// What fsGroup does to volumes of our own making (Kubernetes: SetVolumeOwnership). All are
// idempotent; links are neither followed nor changed, so a container that writes to the volume
// meanwhile leads nobody astray.

// On a directory of a volume that nobody writes to: its group may look into it, and what is made
// in it has its group.
absl::Status GiveDirectory(const std::string& path, gid_t group);

// Everything in a volume that containers write to: its group may read and write files, and go
// through directories; what is made in them later has its group. The root, where anybody may
// write, comes last: as long as it is not as it should be, all is done again.
absl::Status GiveTree(const std::string& root, gid_t group);

// True when that was done, for a directory.
bool BelongsTo(const std::string& path, gid_t group);

}  // namespace muster::agent
