#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/config/config_file.h"

namespace muster::coordinator {

// What a coordinator remembers, allows and bears; the sections `audit`, `mayRun` and `limits` of
// its settings file. The values here are the defaults.

struct AuditSettings {
  bool enabled = true;
  std::string directory;  // Empty: audit below stateDir.
  int64_t file_mib = 64;
  int64_t files = 10;
  std::string requests = "all";        // Or "changes": not those that only look.
  std::string when_full = "continue";  // Or "refuse".

  bool operator==(const AuditSettings&) const = default;
};

struct MayRunSettings {
  // Pod Security levels of namespaces whose labels say nothing.
  std::string enforce = "privileged", warn = "privileged", audit = "privileged";
  // Not set: anywhere. Empty: nowhere.
  std::optional<std::vector<std::string>> host_paths, registries;

  bool operator==(const MayRunSettings&) const = default;
};

struct LimitSettings {
  int64_t requests_per_second = 100;  // Of one user.
  int64_t request_burst = 400;
  int64_t open_calls = 256;
  int64_t message_mib = 16;  // That comes over the network.
  Duration reader_wait = std::chrono::minutes(5);
  // Of what people make, in the store; pods and what else controllers make are not counted.
  int64_t objects = 100'000;
  int64_t objects_per_namespace = 10'000;  // Of each kind.
  int64_t objects_per_user = 10'000;       // At once; as many again in a day.
  int64_t data_mib = 4'096;
  int64_t data_per_namespace_mib = 1'024;
  int64_t new_connections = 1'024;  // That have not said yet who they are.

  bool operator==(const LimitSettings&) const = default;
};

struct GuardSettings {
  AuditSettings audit;
  MayRunSettings may_run;
  LimitSettings limits;

  bool operator==(const GuardSettings&) const = default;
};

// Reads the three sections.
void ReadGuards(ConfigSection& root, GuardSettings& settings);
// Wherever the values come from.
absl::Status CheckGuards(const GuardSettings& settings);
// Names of those sections that differ.
std::vector<std::string> DifferentGuards(const GuardSettings& a, const GuardSettings& b);

}  // namespace muster::coordinator
