#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "agent/runtime/runtime.h"
#include "agent/tunnel/tunnel_peer.h"
#include "agent/tunnel/usage.h"

namespace muster::agent {

// How the host as a whole fares now; nullopt when that cannot be read. Any thread.
using SampleHost = std::function<std::optional<HostSample>()>;

// Measures what the containers of some pods use, and the host when there is a way to look at it,
// over `window`, and tells the peer. An error when the runtime does not answer. Blocks; nothing is
// measured while nobody asks.
constexpr std::chrono::milliseconds kUsageWindow{500};
absl::Status SendUsage(const std::set<std::string>& pod_uids, const SampleHost& host,
                       Runtime& runtime, TunnelPeer& peer,
                       std::chrono::milliseconds window = kUsageWindow);

}  // namespace muster::agent
