#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "common/base/clock.h"

namespace muster::agent {

// How long a pod goes on after its last host port was led to another one: a connection that came in
// the last moment is still to be taken and answered.
inline constexpr std::chrono::milliseconds kHostPortSettles{500};
// How long a pod that is to stop is kept for a port that should have been led to another one.
inline constexpr std::chrono::seconds kHostPortPatience{5};

// Which pods the host's ports lead to. A plain value.
struct HostPortState {
  bool known = false;
  std::set<std::string> led;              // Uids; also of what is only being put in place.
  std::map<std::string, MonoTime> until;  // Those to which one led not long ago.
  uint64_t version = 0;                   // Grows with every change.
};

}  // namespace muster::agent
