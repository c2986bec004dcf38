#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster {

// The whole file. NotFound when it is not there; ResourceExhausted when longer than `bytes_max`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max = 64 << 20);

// Readers see the old or the new content, also after a power cut: written beside, synced, renamed,
// and the directory synced. Leaves nothing behind on failure.
absl::Status WriteFileAtomically(const std::string& path, const std::string& content, mode_t mode);

// Like mkdir -p with `mode` for what is made. OK when it exists as a directory.
absl::Status MakeDirectories(const std::string& path, mode_t mode);

}  // namespace muster
