#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "muster/network/v1/table.pb.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/object.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// The key of an object as both ends of a session name it: "pods/NS/NAME", "configmaps/NS/NAME",
// "secrets/NS/NAME".
using ObjectKey = std::string;

// What comes down from the coordinator.
struct LinkWelcome {
  std::chrono::milliseconds heartbeat_interval{10'000};
  std::string coordinator_version;
  v1::Node node;
};
struct LinkAssignment {
  std::vector<v1::Object> upserted;
  std::vector<ObjectKey> removed;
  bool complete = false;
  int64_t revision = 0;
};
struct LinkNodeRemoved {};
// Whom the coordinator's certificate may come from, and whom the node's has to.
struct LinkTrust {
  std::string ca_pem;       // All of them, one after the other.
  std::string issuer_hash;  // sha256:HEX
};
// kUnknown: what a later coordinator asks for and this agent does not know.
// Seal what is kept with another key than this one.
struct LinkReplaceSealingKey {
  std::string id;
};
enum class TunnelPurpose { kUnknown, kLogs, kExec, kAttach, kPortForward, kStats };
struct TunnelRequest {
  std::string tunnel_id;
  TunnelPurpose purpose = TunnelPurpose::kLogs;
  std::string pod_uid, container;  // The latter of logs, exec and attach.
  // Logs.
  bool follow = false, previous = false, timestamps = false;
  int64_t tail_lines = -1, since_seconds = -1, limit_bytes = -1;  // -1: not limited
  int64_t since_unix_ns = -1;                                     // Goes before since_seconds.
  // Exec and attach.
  std::vector<std::string> command;
  bool stdin = false, tty = false;
  // Port-forward.
  int32_t port = 0;
  // Stats: of the containers of these pods, and of the host.
  std::vector<std::string> pod_uids;
  bool node = false;
};
// What the fleet's table of Services says, or what is new in it.
struct LinkNetwork {
  network::v1::Update update;
};
// The stream ended, or could not be made. The link does not try again by itself.
struct LinkDown {
  absl::Status why;
};
using LinkEvent = std::variant<LinkWelcome, LinkAssignment, LinkNodeRemoved, TunnelRequest,
                               LinkTrust, LinkNetwork, LinkReplaceSealingKey, LinkDown>;

// What goes up.
struct LinkHello {
  std::string agent_version, boot_id;
  std::map<ObjectKey, int64_t> known;
  v1::NodeStatus node_status;
  std::vector<std::string> trusted_cas;     // sha256:HEX
  std::optional<int64_t> network_revision;  // Of the table of Services; none: it is not wanted.
  std::string sealing_key_id;               // Empty: it cannot be replaced.
};
struct PodReport {
  std::string namespace_, name, uid;
  v1::PodStatus status;
  bool gone = false;
};

// One stream to the coordinator at a time; who owns it decides when to try again.
//
// Calls are made on the loop thread and return at once. Events are handed to the callback given at
// construction, on any thread; after Disconnect no event of the old stream comes any more except
// one LinkDown.
class Link {
 public:
  virtual ~Link() = default;

  // Opens the stream and says hello. Only when none is open.
  virtual void Connect(const LinkHello& hello) = 0;
  virtual void Disconnect() = 0;
  // Kept in order and sent when the stream can take them; dropped when it is down (the next hello
  // and the reports after it tell everything again).
  virtual void SendNodeStatus(const v1::NodeStatus& status) = 0;
  virtual void SendPodReports(const std::vector<PodReport>& reports) = 0;
  virtual void SendEvent(const v1::Event& event) = 0;
  virtual void SendHeartbeat() = 0;
  // The objects that are to stand for the node's static pods, all of them.
  virtual void SendStaticPods(const std::vector<v1::Pod>& pods) = 0;
  // With which key everything is sealed now, and why with no other one; empty: it was replaced.
  virtual void SendSealingKey(const std::string& id, const std::string& problem) = 0;
};

}  // namespace muster::agent
