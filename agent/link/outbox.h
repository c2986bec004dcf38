#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/link/link.h"
#include "muster/session/v1/session.pb.h"

namespace muster::agent {

// What waits to be sent on a stream, in order.
//
// Bounded however slow the other end is: a newer node status takes the place of one that still
// waits, likewise a newer report of the same pod (by uid), a newer list of static pods, a newer
// word about the sealing key and a heartbeat; of events the oldest are dropped. Not thread-safe.
class Outbox {
 public:
  struct Limits {
    size_t events = 1000;
    size_t reports_per_message = 100;
  };

  Outbox() : Outbox(Limits()) {}
  explicit Outbox(Limits limits) : limits_(limits) {}

  void AddNodeStatus(v1::NodeStatus status);
  void AddPodReport(PodReport report);
  void AddEvent(v1::Event event);
  void AddHeartbeat();
  void SetStaticPods(std::vector<v1::Pod> pods);
  void SetSealingKey(std::string id, std::string problem);

  bool empty() const { return items_.empty(); }
  void Clear();

  // The next message; reports that follow each other go together. nullopt when empty.
  std::optional<session::v1::FromAgent> Next();

 private:
  struct Heartbeat {};
  using Item = std::variant<v1::NodeStatus, PodReport, v1::Event, Heartbeat, std::vector<v1::Pod>,
                            session::v1::SealingKey>;
  using Items = std::list<Item>;

  const Limits limits_;
  Items items_;
  std::optional<Items::iterator> node_status_;
  std::optional<Items::iterator> heartbeat_;
  std::optional<Items::iterator> static_pods_;
  std::optional<Items::iterator> sealing_key_;
  std::map<std::string, Items::iterator> reports_;  // By pod uid.
  std::list<Items::iterator> events_;               // Oldest first.
};

}  // namespace muster::agent
