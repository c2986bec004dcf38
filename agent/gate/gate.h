#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace muster::agent {

// The gate of a host: open once every pod that the node was given with annotation
// muster.dev/gate "true" is ready. The agent shows it as one line in a file below /run, and
// `muster-agent wait-ready`, which muster-node-ready.target stands on, waits for it.

// The line for people, and what they wait for: NodeLoop::GateWaits.
std::string GateLine(const std::optional<std::vector<std::string>>& waits);
bool GateIsOpen(const std::string& line);

// Where the line is, in the agent's directory below /run.
std::string GatePath(const std::string& run_dir);

// Writes the line when it is another one than before. Loop thread only.
class GateSign {
 public:
  explicit GateSign(std::string path) : path_(std::move(path)) {}
  // Makes the directory as well. Every call tries again what failed.
  absl::Status Show(const std::optional<std::vector<std::string>>& waits);

 private:
  const std::string path_;
  std::string shown_;
};

// Returns OK as soon as the gate is open. DeadlineExceeded, with what is waited for, after
// `timeout` (nullopt: never). `tell` gets each new line. Blocks, without asking again and again:
// the kernel tells when the file changes.
absl::Status AwaitGate(const std::string& path, std::optional<std::chrono::milliseconds> timeout,
                       const std::function<void(const std::string& line)>& tell);

}  // namespace muster::agent
