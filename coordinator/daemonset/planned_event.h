#pragma once

#include <string>

namespace muster::coordinator {

// An event about a DaemonSet, from its controller.
struct PlannedEvent {
  bool warning = false;
  std::string reason;
  std::string message;

  bool operator==(const PlannedEvent&) const = default;
};

}  // namespace muster::coordinator
