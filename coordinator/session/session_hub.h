#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/inbox.h"
#include "coordinator/limits/token_bucket.h"
#include "coordinator/session/assignment_feed.h"
#include "coordinator/session/assignment_index.h"
#include "coordinator/session/mirror_pods.h"
#include "coordinator/session/network_table.h"
#include "coordinator/session/object_loader.h"
#include "coordinator/session/status_writer.h"
#include "coordinator/store/store.h"
#include "muster/session/v1/session.pb.h"

namespace muster::coordinator {

using SessionId = uint64_t;

// The agent's end of one session, as the hub uses it. Called on the loop thread; returns at once.
class SessionPeer {
 public:
  virtual ~SessionPeer() = default;
  // Hands over one message. The next one only after SessionWritten has come for it.
  virtual void Write(session::v1::ToAgent message) = 0;
  // Asks for one more SessionReceived.
  virtual void ReadNext() = 0;
  // It has proved to be the node: once, after its hello.
  virtual void Accepted() {}
  // The last call. What was handed over before may still be written.
  virtual void Finish(absl::Status why) = 0;
};

// Where events go that agents report about their pods. Called on the loop thread.
class AgentEventSink {
 public:
  virtual ~AgentEventSink() = default;
  // About a pod of this node. As the agent sent it: without a name, of any length.
  virtual void Record(const std::string& node, v1::Event event) = 0;
  // Once in every step. Returns when to call it again at the latest.
  virtual std::optional<MonoTime> Flush() = 0;
};

// What the hub is told, by any thread.
struct SessionOpened {
  SessionId id = 0;
  std::string node;  // As the client certificate names it.
  std::shared_ptr<SessionPeer> peer;
  std::string key_hash;               // sha256:HEX of that certificate's key.
  std::string ca_hash;                // Likewise, of the CA that signed it. Empty: not known.
  std::optional<WallTime> not_after;  // When that certificate ends. Not set: not known.
};
struct SessionReceived {
  SessionId id = 0;
  session::v1::FromAgent message;
};
struct SessionWritten {
  SessionId id = 0;
};
// The stream broke or the agent ended it. Finish is still owed.
struct SessionBroken {
  SessionId id = 0;
};
struct StoreChanged {
  uint64_t watch = 0;  // Which of the hub's watches, since an old one may still deliver.
  absl::StatusOr<std::vector<Change>> changes;
};
// Send this request to the node's agent; `refused` is called on the loop thread when there is no
// way to (Unavailable: not connected).
struct TunnelWanted {
  std::string node;
  session::v1::OpenTunnel request;
  std::function<void(absl::Status)> refused;
};

// Whom nodes are to trust, and who signs them: told to every agent, now and when it says hello.
struct TrustChanged {
  session::v1::Trust trust;
  // All CAs of it, by hash: sessions of others end. Empty: not known.
  std::set<std::string> authorities;
};

// Everything the coordinator knows of its agents' sessions, and the one that talks to them.
//
// Downwards: the first assignment completes what the agent says it holds, later ones are deltas
// driven by a watch of the store. At most one message is under way to each agent; what changes
// meanwhile is remembered by name only and read when its turn comes, so a slow reader costs
// names, and always gets the newest. Upwards: statuses are merged into the store in batches.
//
// All methods but Post belong to the loop thread. Nothing here waits for the network.
class SessionHub final {
 public:
  struct Options {
    std::chrono::milliseconds heartbeat_interval{10'000};
    std::chrono::seconds hello_wait_max{10};
    // A session that says nothing for so long is ended: a stream to a host that lost its power
    // stays open by itself, and its agent, should it live, begins a new one.
    Duration silence_max = std::chrono::seconds(30);
    // Called in Step when a node's contact began or ended.
    std::function<void(const std::string& node)> on_contact;
    // Called in Step when a node's key, or the Node itself, counts for nothing any more.
    std::function<void(const std::string& node, const absl::Status& why)> on_worthless;
    std::string coordinator_version;
    // An assignment beyond this is sent in parts. A message may be larger by one object.
    size_t assignment_bytes_max = 1 << 20;
    size_t waiting_tunnels_max = 64;  // For each session.
    network::v1::Ranges network_ranges;
    // Changes of Services go to every agent: after one of them the next waits for this long times
    // the number of sessions, so that a rollout cannot keep the coordinator busy with telling.
    std::chrono::microseconds network_pause{500};
    // What one agent may send: so many messages at once and in the long run, and so large. A node
    // that starts anew with all its pods needs some hundred.
    TokenBucket::Rate messages{100, 2'000};
    size_t message_bytes_max = 8 << 20;
    int without_hello_max = 8;  // Sessions of one node that were opened and said nothing yet.
  };
  using Input = std::variant<SessionOpened, SessionReceived, SessionWritten, SessionBroken,
                             StoreChanged, TunnelWanted, TrustChanged>;

  // `wake` is called on any thread when Step should be called soon.
  SessionHub(Store& store, const Clock& clock, AgentEventSink& events, Options options,
             std::function<void()> wake);
  ~SessionHub();
  SessionHub(const SessionHub&) = delete;
  SessionHub& operator=(const SessionHub&) = delete;

  // Thread-safe.
  void Post(Input input) { inbox_.Post(std::move(input)); }

  // Reads which node holds what, and begins to watch. Call once, before the first Step.
  absl::Status Start();
  // Takes what was posted, writes what was reported, sends what is due. Returns when to call it
  // again at the latest, even if nothing is posted.
  std::optional<MonoTime> Step();
  // Ends every session with `why`; sessions opened later are ended at once.
  void CloseAll(absl::Status why);

  struct NodeContact {
    bool connected = false;
    bool broken = false;   // Its stream broke, or the agent ended it. False when we did.
    MonoTime last_seen{};  // Of any message, or of the break.
  };
  // Nothing for nodes that have not been in contact since the start of this process.
  std::optional<NodeContact> Contact(const std::string& node) const;
  size_t session_count() const { return by_node_.size(); }

 private:
  struct Session;

  void Handle(SessionOpened input);
  void Handle(SessionReceived input);
  void Handle(SessionWritten input);
  void Handle(SessionBroken input);
  void Handle(StoreChanged input);
  void Handle(TunnelWanted input);
  void Handle(TrustChanged input);

  void Receive(Session& session, session::v1::FromAgent& message);
  void ReceiveHello(Session& session, session::v1::Hello& hello);
  void ReceivePodReport(Session& session, session::v1::PodReport& report);
  void ReceiveEvent(Session& session, v1::Event& event);
  void RemoveNode(Session& session);
  enum class Ending { kOurs, kBroken };
  void End(Session& session, absl::Status why, Ending ending = Ending::kOurs);
  std::optional<MonoTime> EndWithoutHello(MonoTime now);
  std::optional<MonoTime> EndSilent(MonoTime now);
  void NodeChanged(Session& session, const v1::Node& node);

  absl::StatusOr<std::optional<v1::Node>> ReadNode(const std::string& node);
  absl::Status Resync();
  void Absorb(const Change& change);
  absl::StatusOr<NetworkTable> ReadNetwork();
  void AbsorbNetwork(const Change& change);
  // Lets the agents know of the newest state of the table, unless it was told just now.
  std::optional<MonoTime> TellNetwork(MonoTime now);

  std::optional<MonoTime> PumpReady(MonoTime now);
  absl::Status Pump(Session& session);
  Session* Find(SessionId id);

  // session_hub_trust.cc
  std::optional<MonoTime> EndExpired(MonoTime now);
  void TellWorthless(const std::string& node, const absl::Status& why);
  void BeginSealingKey(Session& session, const std::string& id, const v1::Node& node);
  void ReceiveSealingKey(Session& session, session::v1::SealingKey& key);
  void AskToReplaceSealingKey(Session& session, const v1::Node& node);

  // session_hub_limits.cc
  absl::Status CheckOpened(const std::string& node);
  void NoMoreWithoutHello(Session& session);
  absl::Status CheckSize(const Session& session, const session::v1::FromAgent& message) const;
  void ReadNext(Session& session, MonoTime now);
  std::optional<MonoTime> ReadHeld(MonoTime now);

  Store& store_;
  const Clock& clock_;
  AgentEventSink& events_;
  const Options options_;
  Inbox<Input> inbox_;
  StatusWriter writer_;
  MirrorPods mirrors_;
  ObjectLoader loader_;

  NetworkTable network_;
  int64_t network_told_ = 0;  // Revision of the table that sessions are being told.
  MonoTime network_next_at_{};

  AssignmentIndex index_;
  int64_t revision_ = 0;  // That the index shows.
  uint64_t watch_number_ = 0;
  std::unique_ptr<Watch> watch_;
  std::optional<MonoTime> resync_at_;  // Set while there is no watch.

  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  std::deque<SessionId> no_hello_;  // In the order of opening; may have said it since.
  std::set<std::pair<WallTime, SessionId>> expiring_;  // By the end of their certificates.
  std::list<Session*> active_;                         // The one that was last heard at the end.
  std::map<std::string, Session*> by_node_;            // Those that said hello.
  std::set<SessionId> ready_;                          // May have something to send.
  std::map<std::string, int> without_hello_;           // By node; none that has none.
  std::multimap<MonoTime, SessionId> held_;            // Whose next message is read then.
  std::map<std::string, NodeContact> contacts_;
  std::optional<session::v1::Trust> trust_;
  std::optional<absl::Status> closing_;
};

}  // namespace muster::coordinator
