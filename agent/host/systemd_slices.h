#pragma once

#include <string>

#include "absl/status/status.h"
#include "agent/runtime/runtime.h"

namespace muster::agent {

// Slices of systemd, for runtimes that have it manage their control groups. Each call is a
// conversation with systemd over the system bus that blocks for ten seconds at most.
class SystemdSlices {
 public:
  // Empty: the system bus.
  explicit SystemdSlices(std::string bus_address = "") : bus_address_(std::move(bus_address)) {}

  // Starts the slice with these values, or changes them when it is there. What is 0 is left as it
  // is. Of huge pages systemd knows nothing.
  absl::Status Set(const std::string& slice, const LinuxResources& values, bool version_2) const;

  // Ends it; OK when there is none. One that was started does not end by itself.
  absl::Status Stop(const std::string& slice) const;

 private:
  const std::string bus_address_;
};

}  // namespace muster::agent
