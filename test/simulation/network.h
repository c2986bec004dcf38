#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/link/link.h"
#include "coordinator/session/session_hub.h"
#include "muster/session/v1/session.pb.h"
#include "test/simulation/lifeline.h"
#include "test/simulation/stage.h"

namespace muster::simulation {

// What a planted bug does to messages on their way. True: it is lost.
struct NetworkSpoiler {
  std::function<bool(session::v1::FromAgent&)> up;
  std::function<bool(session::v1::ToAgent&)> down;
};

// The hash of every machine's key: none of them is stolen here.
inline constexpr char kNodeKey[] = "key";

// The sessions between agents and the coordinator, as gRPC over TCP carries them: in order, with
// delay, whole or not at all; a message is lost only with its stream, and each end finds that out
// at its own time. Between the ends are production's own messages, translation and outbox.
class Network {
 public:
  explicit Network(Stage& stage);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Whoever listens for sessions from now on; null: nobody. Streams to the one before break.
  void Listen(coordinator::SessionHub* hub, std::shared_ptr<Lifeline> life);
  // The link of one agent process. When it is destroyed the coordinator hears of it, unless the
  // power of the machine went.
  std::unique_ptr<agent::Link> NewLink(const std::string& node, std::shared_ptr<Lifeline> life,
                                       std::function<void(agent::LinkEvent)> on_event);

  // Nothing goes through to or from the node; the ends give up when their patience is over.
  void Cut(const std::string& node);
  void Heal(const std::string& node);
  bool IsCut(const std::string& node) const { return cut_.contains(node); }
  // Resets the node's stream: what was on its way is lost.
  void Break(const std::string& node);
  // The machine goes without a word.
  void PowerLost(const std::string& node);

  // How long a message usually takes, and at most.
  Duration usual_delay = std::chrono::milliseconds(4);
  Duration delay_max = std::chrono::milliseconds(400);
  NetworkSpoiler spoiler;

 private:
  class SimLink;
  class Peer;
  struct Stream;
  using StreamPtr = std::shared_ptr<Stream>;
  enum class Way { kUp, kDown };

  void Open(const StreamPtr& stream, const agent::LinkHello& hello);
  void Carry(const StreamPtr& stream, Way way, std::function<void()> arrive);
  void SendNext(const StreamPtr& stream);
  void Feed(Stream& stream);
  void AgentEndOver(Stream& stream, absl::Status why);
  void HubEndOver(Stream& stream);
  void EndLater(const StreamPtr& stream, absl::Status why);
  void WatchOver(const StreamPtr& stream);
  Duration Delay() { return dice_.Delay(usual_delay, delay_max); }

  Stage& stage_;
  Dice dice_;
  coordinator::SessionHub* hub_ = nullptr;
  std::shared_ptr<Lifeline> hub_life_;
  uint64_t epoch_ = 0;  // Of the listeners.
  uint64_t last_id_ = 0;
  std::map<uint64_t, StreamPtr> streams_;
  std::map<std::string, uint64_t> cut_;  // Node -> number of the cut.
  uint64_t last_cut_ = 0;
};

}  // namespace muster::simulation
