#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "agent/volumes/payload.h"

namespace muster::agent {

// Makes `directory` show exactly `payload`, all at once: the files go to a directory of their own,
// the link "..data" is renamed over to it, and every name at the top is a link into "..data"
// (the layout Kubernetes' readers know and watch). Writes nothing when nothing changed. A writer
// that was killed at any instant leaves the old content or the new; the next call sweeps the rest,
// but for the directories `nested` below `directory`, which are made when they are missing. With a
// `group` everything belongs to it, also before anybody sees it.
absl::Status WriteAtomically(const std::string& directory, const Payload& payload,
                             const std::set<std::string>& nested = {},
                             std::optional<gid_t> group = std::nullopt);

}  // namespace muster::agent
