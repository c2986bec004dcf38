#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/tunnel/tunnel_peer.h"
#include "common/base/clock.h"

namespace muster::agent {

struct LogQuery {
  bool follow = false;
  bool timestamps = false;
  int64_t tail_lines = -1;  // -1: not limited. Applied before `since`.
  std::optional<WallTime> since;
  int64_t bytes_max = -1;  // -1: not limited.
};

// Sends the log file of a container to `peer` as Kubernetes shows it: the text of lines in the
// order of the file, parts joined. The file is the newest of its name, as with kubectl; what was
// rotated away before is not shown, but rotations during `follow` lose nothing, even when there are
// several of them while the peer is slow, as long as the rotated files are kept.
//
// With `follow` it goes on until the container has ended (asked of `still_running`, which may wait,
// whenever the file was closed, and once a second) and all is sent. Returns early, with OK, when
// the peer is gone. Blocks; one call per thread. NotFound when there is no such file; symbolic
// links in the last three parts of the path are not followed, since pods may write there.
absl::Status SendLog(const std::string& path, const LogQuery& query,
                     const std::function<bool()>& still_running, TunnelPeer& peer);

}  // namespace muster::agent
