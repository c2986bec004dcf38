#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace muster::coordinator {

// What `muster-coordinator init` saw of this host. Plain value.
struct InitSurvey {
  bool is_root = false;
  std::string settings_path;
  bool settings_there = false;
  std::string state_dir;
  bool store_there = false;  // It has run here before.
  absl::Status state_writable;
  std::string agent_address;   // Where agents will look for it: HOST:PORT.
  absl::Status name_resolves;  // That host's name, on this host.
  bool only_loopback = false;  // It means nothing but this host itself.
  std::string listen;
  bool listen_taken = false;  // Somebody listens there, whoever it is.
  bool running = false;       // A coordinator answers on the admin socket.
  bool unit_known = false;    // muster-coordinator.service is installed.
  bool unit_enabled = false;
};

// In plain words: what is there, what is missing, and what to run next.
std::string InitReport(const InitSurvey& survey);
// Whether something keeps a coordinator from working here.
bool InitHasProblem(const InitSurvey& survey);

}  // namespace muster::coordinator
