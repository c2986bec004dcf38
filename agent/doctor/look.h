#pragma once

#include <chrono>
#include <string>

#include "agent/doctor/examine.h"
#include "agent/runtime/runtime.h"
#include "agent/settings/settings.h"
#include "common/base/clock.h"

namespace muster::agent {

struct LookOptions {
  std::string root;  // For tests; "" in a program.
  // For the runtime's and the coordinator's answer, each.
  std::chrono::milliseconds patience{5'000};
};

// Looks at this host as it is: files, the runtime, the way to the coordinator. Blocks for as long
// as `patience` allows, changes nothing but for a file in the state and log directories that is
// there for a moment.
Survey LookAtHost(const Settings& settings, const absl::Status& settings_status,
                  const std::string& settings_path, Runtime& runtime, const Clock& clock,
                  const LookOptions& options);

}  // namespace muster::agent
