#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace muster::agent {

// How a node is at one moment, as its agent sees it: what `muster-agent status` shows, and what
// metrics are made from. Plain value; times are the epoch when there is none.
struct NodeReport {
  struct Container {
    std::string name;
    bool init = false;  // Before the others; a sidecar is one too.
    std::string id;     // As the runtime has it; empty before the first start.
    std::string image;
    std::string state;            // "waiting", "running" or "terminated"
    std::string reason, message;  // Why it waits, or how it ended.
    int32_t exit_code = 0;        // Of one that is terminated.
    bool ready = false;
    int32_t restarts = 0;
    WallTime since;  // It runs, or ended.
    // The instance before this one, if there was one.
    struct End {
      std::string reason, message;
      int32_t exit_code = 0;
      WallTime at;
      bool operator==(const End&) const = default;
    };
    std::optional<End> last_end;
    bool operator==(const Container&) const = default;
  };
  struct Pod {
    std::string namespace_, name, uid;
    std::string phase;
    std::string reason, message;  // Of the phase: "Evicted".
    std::string ip;
    bool ready = false;
    bool terminating = false;
    bool is_static = false;  // From a file of this host.
    WallTime started_at;
    std::vector<Container> containers;  // Init containers first, each in the order of the manifest.
    bool operator==(const Pod&) const = default;
  };
  struct Link {
    std::string state;        // "connected", "connecting" or "disconnected"
    std::string coordinator;  // HOST:PORT
    WallTime since;           // In this state, connecting and disconnected being one.
    std::string last_error;   // Why it broke or cannot be made; empty when it never was so.
    bool operator==(const Link&) const = default;
  };
  struct Runtime {
    std::string name, version;
    bool answers = false;
    bool ready = false, network_ready = false;
    std::string message;  // What is wrong.
    bool events = false;  // It tells of what happens; otherwise it is looked at.
    bool operator==(const Runtime&) const = default;
  };
  struct Checkpoint {
    // Of the coordinator's store, as of which this agent was told last; 0: not since it began.
    int64_t revision = 0;
    int64_t objects = 0;    // How many.
    bool complete = false;  // It is all that the node should hold.
    WallTime saved_at;
    std::string problem;  // Why what is newer could not be saved.
    bool operator==(const Checkpoint&) const = default;
  };
  // What went wrong lately, the newest last.
  struct Warning {
    WallTime at;
    std::string object;  // "pod/NAMESPACE/NAME", "node/NAME"
    std::string reason, message;
    bool operator==(const Warning&) const = default;
  };

  std::string node_name, node_uid, agent_version;
  WallTime made_at, agent_started_at;
  Link link;
  Runtime runtime;
  Checkpoint checkpoint;
  std::vector<std::string> pressure;  // "DiskPressure"
  std::vector<std::string> problems;  // What makes the node not ready.
  std::vector<Pod> pods;              // By namespace and name.
  std::vector<Warning> warnings;

  bool operator==(const NodeReport&) const = default;
};

// As JSON, indented, in the manner of Kubernetes: camelCase, times in RFC 3339, what is empty left
// out.
std::string ToJson(const NodeReport& report);
// InvalidArgument when it is no such text. What is not known is passed over, so that a command and
// an agent of different versions understand each other.
absl::StatusOr<NodeReport> NodeReportFromJson(const std::string& text);

// As text for people, in kubectl's manner.
std::string ToText(const NodeReport& report);

}  // namespace muster::agent
