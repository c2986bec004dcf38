#include "coordinator/session/session_hub.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/daemon/log_fields.h"
#include "coordinator/session/node_key.h"
#include "coordinator/session/session_record.h"
#include "coordinator/session/tunnel_support.h"
#include "coordinator/store/object_store.h"
#include "coordinator/templates/references.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using session::v1::FromAgent;
using session::v1::ToAgent;

// Of those that one agent may send.
constexpr size_t kBytesOfMessage = 64 << 10;
constexpr char kPodsPrefix[] = "/pods/";
constexpr char kNodesPrefix[] = "/nodes/";
constexpr char kConfigMapsPrefix[] = "/configmaps/";
constexpr char kSecretsPrefix[] = "/secrets/";
constexpr char kServicesPrefix[] = "/services/";
constexpr char kSlicesPrefix[] = "/endpointslices/";
constexpr char kNodeNotReady[] = "NodeNotReady";
constexpr auto kRetryAfter = 1s;

std::string NodeKey(const std::string& node) { return absl::StrCat(kNodesPrefix, node); }

void Earlier(std::optional<MonoTime>& wake, std::optional<MonoTime> other) {
  if (other && (!wake || *other < *wake)) wake = other;
}

std::string ReadyStatus(const v1::Node& node) {
  for (const v1::NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == "Ready") return condition.status();
  }
  return "";
}

// Marked as not ready because its node was (see coordinator/nodes).
bool IsMarked(const v1::Pod& pod) {
  const auto& conditions = pod.status().conditions();
  return std::any_of(conditions.begin(), conditions.end(), [](const v1::PodCondition& condition) {
    return condition.type() == "Ready" && condition.status() == "False" &&
           condition.reason() == kNodeNotReady;
  });
}

}  // namespace

SessionHub::SessionHub(Store& store, const Clock& clock, AgentEventSink& events, Options options,
                       std::function<void()> wake)
    : store_(store),
      clock_(clock),
      events_(events),
      options_(std::move(options)),
      inbox_(std::move(wake)),
      writer_(store, clock, StatusWriter::Options{}),
      mirrors_(store, clock, [this](const std::string& node) { return index_.KeysOf(node); }),
      loader_(store) {}

SessionHub::~SessionHub() = default;

absl::Status SessionHub::Start() { return Resync(); }

std::optional<MonoTime> SessionHub::Step() {
  for (Input& input : inbox_.TakeAll()) {
    std::visit([this](auto& message) { Handle(std::move(message)); }, input);
  }
  const MonoTime now = clock_.Mono();
  if (resync_at_ && *resync_at_ <= now) {
    if (absl::Status status = Resync(); !status.ok()) {
      spdlog::error("sessions: cannot read the store, trying again: {}", status.ToString());
      resync_at_ = now + kRetryAfter;
    }
  }
  std::optional<MonoTime> wake = resync_at_;
  Earlier(wake, EndWithoutHello(now));
  Earlier(wake, EndSilent(now));
  Earlier(wake, EndExpired(now));
  Earlier(wake, ReadHeld(now));
  Earlier(wake, mirrors_.Flush());
  Earlier(wake, writer_.Flush());
  Earlier(wake, events_.Flush());
  Earlier(wake, TellNetwork(now));
  Earlier(wake, PumpReady(now));
  return wake;
}

void SessionHub::CloseAll(absl::Status why) {
  closing_ = why;
  while (!sessions_.empty()) End(*sessions_.begin()->second, why);
}

std::optional<SessionHub::NodeContact> SessionHub::Contact(const std::string& node) const {
  auto it = contacts_.find(node);
  if (it == contacts_.end()) return std::nullopt;
  return it->second;
}

// Inputs.

void SessionHub::Handle(SessionOpened input) {
  if (closing_) return input.peer->Finish(*closing_);
  if (absl::Status status = CheckOpened(input.node); !status.ok()) {
    return input.peer->Finish(std::move(status));
  }
  auto session = std::make_unique<Session>();
  session->id = input.id;
  session->node = std::move(input.node);
  session->key_hash = std::move(input.key_hash);
  session->ca_hash = std::move(input.ca_hash);
  session->peer = std::move(input.peer);
  session->not_after = input.not_after;
  if (session->not_after) expiring_.emplace(*session->not_after, session->id);
  session->opened_at = clock_.Mono();
  no_hello_.push_back(session->id);
  session->peer->ReadNext();
  sessions_.emplace(session->id, std::move(session));
}

void SessionHub::Handle(SessionReceived input) {
  Session* session = Find(input.id);
  if (session == nullptr || session->state == Session::State::kLeaving) return;
  const bool is_hello = input.message.message_case() == FromAgent::kHello;
  if (is_hello != (session->state == Session::State::kOpened)) {
    return End(*session, absl::FailedPreconditionError(
                             "a session begins with one hello, and has no second one"));
  }
  if (absl::Status status = CheckSize(*session, input.message); !status.ok()) {
    spdlog::warn("sessions: {}", status.ToString());
    return End(*session, std::move(status));
  }
  // A large one counts as many.
  session->messages.Charge(options_.messages,
                           static_cast<double>(input.message.ByteSizeLong() / kBytesOfMessage),
                           clock_.Mono());
  if (is_hello) {
    NoMoreWithoutHello(*session);
    ReceiveHello(*session, *input.message.mutable_hello());
  } else {
    Receive(*session, input.message);
  }
  // Receiving may have ended it.
  session = Find(input.id);
  if (session != nullptr && session->state == Session::State::kActive) {
    ReadNext(*session, clock_.Mono());
  }
}

void SessionHub::Handle(SessionWritten input) {
  Session* session = Find(input.id);
  if (session == nullptr) return;
  session->writing = false;
  ready_.insert(session->id);
}

void SessionHub::Handle(SessionBroken input) {
  if (Session* session = Find(input.id); session != nullptr) {
    End(*session, absl::CancelledError("the stream broke"), Ending::kBroken);
  }
}

void SessionHub::Handle(StoreChanged input) {
  if (input.watch != watch_number_) return;
  if (!input.changes.ok()) {
    spdlog::warn("sessions: the watch of the store ended, reading all again: {}",
                 input.changes.status().ToString());
    watch_.reset();
    resync_at_ = clock_.Mono();
    return;
  }
  for (const Change& change : *input.changes) Absorb(change);
}

void SessionHub::Handle(TunnelWanted input) {
  auto it = by_node_.find(input.node);
  if (it == by_node_.end()) {
    return input.refused(
        absl::UnavailableError(absl::StrCat("node \"", input.node, "\" is not connected")));
  }
  Session& session = *it->second;
  if (absl::Status known =
          CheckTunnel(input.request, session.tunnels, input.node, session.agent_version);
      !known.ok()) {
    return input.refused(known);
  }
  if (session.control.size() >= options_.waiting_tunnels_max) {
    return input.refused(absl::ResourceExhaustedError(
        absl::StrCat("node \"", input.node, "\" does not take any more requests")));
  }
  *session.control.emplace_back().mutable_open_tunnel() = std::move(input.request);
  ready_.insert(session.id);
}

// What agents say.

void SessionHub::ReceiveHello(Session& session, session::v1::Hello& hello) {
  absl::StatusOr<std::optional<v1::Node>> node = ReadNode(session.node);
  if (!node.ok()) {
    return End(session, absl::UnavailableError(Annotate(node.status(), "node").message()));
  }
  if (!node->has_value()) return RemoveNode(session);
  if (absl::Status known = CheckNodeKey(**node, session.key_hash); !known.ok()) {
    spdlog::warn("node {}: a session with another key than the node's is refused", session.node);
    return End(session, std::move(known));
  }
  if (auto old = by_node_.find(session.node); old != by_node_.end()) {
    End(*old->second, absl::AbortedError("another session of this node took over"));
  }
  session.peer->Accepted();
  session.state = Session::State::kActive;
  session.agent_version = hello.agent_version();
  session.tunnels.assign(hello.tunnels().begin(), hello.tunnels().end());
  session.active_at = active_.insert(active_.end(), &session);
  by_node_[session.node] = &session;
  contacts_[session.node] = {.connected = true, .last_seen = clock_.Mono()};
  if (options_.on_contact) options_.on_contact(session.node);
  const LogFields about(kLogNode, session.node);
  spdlog::info("node {}: session of agent {} begins, it holds {} objects", session.node,
               hello.agent_version(), hello.known_size());

  session::v1::Welcome& welcome = *session.control.emplace_back().mutable_welcome();
  welcome.set_heartbeat_interval_ms(options_.heartbeat_interval.count());
  welcome.set_coordinator_version(options_.coordinator_version);
  *welcome.mutable_node() = **node;
  if (trust_) *session.control.emplace_back().mutable_trust() = *trust_;
  // Of those who say nothing, it is the one they joined with.
  const auto& trusted = hello.trusted_cas();
  if (!session.ca_hash.empty() &&
      (trusted.empty() ||
       std::find(trusted.begin(), trusted.end(), session.ca_hash) != trusted.end())) {
    writer_.ReportAuthority(session.node, session.ca_hash);
  }
  BeginSealingKey(session, hello.sealing_key_id(), **node);
  session.feed.Begin({hello.known().begin(), hello.known().end()}, session.node, index_);
  if (hello.has_network_revision()) session.network.Begin(hello.network_revision());
  ready_.insert(session.id);
  if (hello.has_node_status()) {
    writer_.ReportNode(session.node, std::move(*hello.mutable_node_status()));
  }
}

void SessionHub::Receive(Session& session, FromAgent& message) {
  contacts_[session.node].last_seen = clock_.Mono();
  active_.splice(active_.end(), active_, session.active_at);
  if (session.given_up) {
    return End(session, absl::UnavailableError("the node was taken for silent; tell all again"));
  }
  switch (message.message_case()) {
    case FromAgent::kNodeStatus:
      writer_.ReportNode(session.node, std::move(*message.mutable_node_status()));
      break;
    case FromAgent::kPodReports:
      for (session::v1::PodReport& report : *message.mutable_pod_reports()->mutable_reports()) {
        ReceivePodReport(session, report);
      }
      break;
    case FromAgent::kEvent:
      ReceiveEvent(session, *message.mutable_event());
      break;
    case FromAgent::kStaticPods: {
      auto* pods = message.mutable_static_pods()->mutable_pods();
      mirrors_.Report(session.node, {std::make_move_iterator(pods->begin()),
                                     std::make_move_iterator(pods->end())});
      break;
    }
    case FromAgent::kSealingKey:
      ReceiveSealingKey(session, *message.mutable_sealing_key());
      break;
    case FromAgent::kHeartbeat:
    case FromAgent::kHello:
    case FromAgent::MESSAGE_NOT_SET:
      break;
  }
}

void SessionHub::ReceivePodReport(Session& session, session::v1::PodReport& report) {
  const std::string key = SessionKey("pods", report.namespace_(), report.name());
  const AssignmentIndex::PodFacts* facts = index_.FindPod(key);
  if (facts != nullptr && facts->node == session.node && facts->uid == report.uid()) {
    return writer_.ReportPod(session.node, std::move(report));
  }
  // Somebody else's pod, one that is no more, or an older one of the name. Unless the agent is
  // done with it, it has to hear what is true.
  if (!report.gone()) {
    session.feed.Distrust(key);
    ready_.insert(session.id);
  }
}

void SessionHub::ReceiveEvent(Session& session, v1::Event& event) {
  const v1::ObjectReference& about = event.involved_object();
  if (about.kind() == "Node" && about.name() == session.node) {
    // Nodes are in no namespace, so their events are in none of anybody's choice.
    event.mutable_involved_object()->clear_namespace_();
    return events_.Record(session.node, std::move(event));
  }
  const std::string key = SessionKey("pods", about.namespace_(), about.name());
  const AssignmentIndex::PodFacts* facts = index_.FindPod(key);
  // Others' pods are none of its business; its own may be gone before the last word about them.
  const bool is_its_own =
      facts != nullptr ? facts->node == session.node : mirrors_.Knows(session.node, key);
  if (!is_its_own) return;
  events_.Record(session.node, std::move(event));
}

void SessionHub::RemoveNode(Session& session) {
  const LogFields about(kLogNode, session.node);
  spdlog::info("node {}: is no longer known, its agent is told so", session.node);
  if (auto it = by_node_.find(session.node); it != by_node_.end() && it->second == &session) {
    by_node_.erase(it);
    contacts_.erase(session.node);
  }
  writer_.ForgetNode(session.node);
  mirrors_.ForgetNode(session.node);
  TellWorthless(session.node,
                absl::NotFoundError(absl::StrCat("nodes \"", session.node, "\" not found")));
  if (session.state == Session::State::kActive) active_.erase(session.active_at);
  session.state = Session::State::kLeaving;
  session.leaving_because =
      absl::NotFoundError(absl::StrCat("nodes \"", session.node, "\" not found"));
  session.control.clear();
  session.control.emplace_back().mutable_node_removed();
  ready_.insert(session.id);
}

void SessionHub::End(Session& session, absl::Status why, Ending ending) {
  NoMoreWithoutHello(session);
  if (session.state == Session::State::kActive) active_.erase(session.active_at);
  if (auto it = by_node_.find(session.node); it != by_node_.end() && it->second == &session) {
    by_node_.erase(it);
    NodeContact& contact = contacts_[session.node];
    contact.connected = false;
    contact.broken = ending == Ending::kBroken;
    // An end of ours says nothing about the agent.
    if (contact.broken) contact.last_seen = clock_.Mono();
    const LogFields about(kLogNode, session.node);
    spdlog::info("node {}: session ends: {}", session.node, why.ToString());
    if (options_.on_contact) options_.on_contact(session.node);
  }
  session.peer->Finish(std::move(why));
  if (session.not_after) expiring_.erase({*session.not_after, session.id});
  ready_.erase(session.id);
  sessions_.erase(session.id);
}

std::optional<MonoTime> SessionHub::EndWithoutHello(MonoTime now) {
  while (!no_hello_.empty()) {
    Session* session = Find(no_hello_.front());
    if (session != nullptr && session->state == Session::State::kOpened) {
      const MonoTime until = session->opened_at + options_.hello_wait_max;
      if (until > now) return until;
      End(*session, absl::DeadlineExceededError("no hello came"));
    }
    no_hello_.pop_front();
  }
  return std::nullopt;
}

std::optional<MonoTime> SessionHub::EndSilent(MonoTime now) {
  while (!active_.empty()) {
    Session& session = *active_.front();
    const MonoTime until = contacts_[session.node].last_seen +
                           std::chrono::duration_cast<MonoTime::duration>(options_.silence_max);
    if (until > now) return until;
    End(session, absl::DeadlineExceededError("the agent fell silent"));
  }
  return std::nullopt;
}

// What the store says.

absl::StatusOr<std::optional<v1::Node>> SessionHub::ReadNode(const std::string& node) {
  MUSTER_ASSIGN_OR_RETURN(std::optional<KeyValue> stored, store_.Get(NodeKey(node)));
  if (!stored) return std::nullopt;
  MUSTER_ASSIGN_OR_RETURN(v1::Object object, DecodeObject(*stored));
  return std::move(*object.mutable_node());
}

absl::Status SessionHub::Resync() {
  AssignmentIndex index;
  std::vector<AssignmentIndex::Touched> untold;
  std::set<std::string> marked;  // Nodes with pods that are.
  absl::Status status;
  MUSTER_ASSIGN_OR_RETURN(const int64_t revision,
                          store_.Scan(kPodsPrefix, [&](const KeyValue& item) {
                            const absl::StatusOr<v1::Object> object = DecodeObject(item);
                            if (!object.ok()) return status.Update(object.status());
                            index.SetPod(item.key.substr(1), object->pod(), untold);
                            untold.clear();
                            if (IsMarked(object->pod()))
                              marked.insert(object->pod().spec().node_name());
                          }));
  MUSTER_RETURN_IF_ERROR(status);
  MUSTER_ASSIGN_OR_RETURN(NetworkTable network, ReadNetwork());
  const uint64_t number = watch_number_ + 1;
  MUSTER_ASSIGN_OR_RETURN(
      std::unique_ptr<Watch> watch,
      store_.WatchFrom("/", revision, [this, number](absl::StatusOr<std::vector<Change>> c) {
        Post(StoreChanged{number, std::move(c)});
      }));
  watch_number_ = number;
  watch_ = std::move(watch);
  resync_at_.reset();
  index_ = std::move(index);
  network_ = std::move(network);
  revision_ = revision;
  // What happened to nodes, ConfigMaps and Secrets meanwhile was not seen, so all are looked at.
  std::vector<Session*> active;
  for (const auto& [node, session] : by_node_) active.push_back(session);
  for (Session* session : active) {
    session->feed.MarkAll(session->node, index_);
    ready_.insert(session->id);
    MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::Node> node, ReadNode(session->node));
    if (!node) {
      RemoveNode(*session);
      continue;
    }
    // Perhaps it was not ready, and is again.
    session->was_not_ready |= marked.contains(session->node);
    NodeChanged(*session, *node);
  }
  return absl::OkStatus();
}

absl::StatusOr<NetworkTable> SessionHub::ReadNetwork() {
  NetworkTable network;
  MUSTER_ASSIGN_OR_RETURN(const int64_t current, store_.CurrentRevision());
  network.Begin(options_.network_ranges, current);
  for (const char* prefix : {kServicesPrefix, kSlicesPrefix, kNodesPrefix}) {
    absl::Status status;
    MUSTER_RETURN_IF_ERROR(store_
                               .Scan(prefix,
                                     [&](const KeyValue& item) {
                                       const absl::StatusOr<v1::Object> object = DecodeObject(item);
                                       if (!object.ok()) return status.Update(object.status());
                                       network.Set(item.key.substr(1), *object, item.mod_revision);
                                     })
                               .status());
    MUSTER_RETURN_IF_ERROR(status);
  }
  return network;
}

void SessionHub::AbsorbNetwork(const Change& change) {
  const std::string key = change.kv.key.substr(1);
  if (!NetworkTable::Wants(key)) return;
  if (change.kind != Change::Kind::kPut) {
    network_.Remove(key, change.kv.mod_revision);
    return;
  }
  const absl::StatusOr<v1::Object> object = DecodeObject(change.kv);
  if (!object.ok()) {
    spdlog::error("sessions: {}, ignoring it", object.status().ToString());
    return;
  }
  network_.Set(key, *object, change.kv.mod_revision);
}

std::optional<MonoTime> SessionHub::TellNetwork(MonoTime now) {
  if (network_told_ == network_.revision() || by_node_.empty()) return std::nullopt;
  if (now < network_next_at_) return network_next_at_;
  network_told_ = network_.revision();
  network_next_at_ = now + options_.network_pause * by_node_.size();
  for (const auto& [node, session] : by_node_) ready_.insert(session->id);
  return std::nullopt;
}

void SessionHub::Absorb(const Change& change) {
  const std::string& key = change.kv.key;
  revision_ = std::max(revision_, change.kv.mod_revision);
  const bool is_put = change.kind == Change::Kind::kPut;
  AbsorbNetwork(change);
  std::vector<AssignmentIndex::Touched> touched;
  if (absl::StartsWith(key, kConfigMapsPrefix) || absl::StartsWith(key, kSecretsPrefix)) {
    index_.ReferenceChanged(key.substr(1), touched);
  } else if (absl::StartsWith(key, kPodsPrefix) && !is_put) {
    index_.RemovePod(key.substr(1), touched);
  } else if (absl::StartsWith(key, kPodsPrefix)) {
    absl::StatusOr<v1::Object> object = DecodeObject(change.kv);
    if (!object.ok()) {
      spdlog::error("sessions: {}, ignoring it", object.status().ToString());
      return;
    }
    index_.SetPod(key.substr(1), object->pod(), touched);
  } else if (absl::StartsWith(key, kNodesPrefix)) {
    const std::string node = key.substr(sizeof(kNodesPrefix) - 1);
    if (!is_put) mirrors_.ForgetNode(node);
    auto it = by_node_.find(node);
    if (it == by_node_.end()) return;
    if (!is_put) return RemoveNode(*it->second);
    const absl::StatusOr<v1::Object> object = DecodeObject(change.kv);
    if (object.ok()) NodeChanged(*it->second, object->node());
  }
  for (const AssignmentIndex::Touched& touch : touched) {
    auto it = by_node_.find(touch.node);
    if (it == by_node_.end()) continue;
    it->second->feed.Mark(touch.key);
    ready_.insert(it->second->id);
  }
}

void SessionHub::NodeChanged(Session& session, const v1::Node& node) {
  if (absl::Status known = CheckNodeKey(node, session.key_hash); !known.ok()) {
    TellWorthless(session.node, known);
    return End(session, std::move(known));
  }
  AskToReplaceSealingKey(session, node);
  const std::string ready = ReadyStatus(node);
  session.given_up = ready == "Unknown";
  if (ready != "True") {
    session.was_not_ready |= !ready.empty();
  } else if (session.was_not_ready && !index_.KeysOf(session.node).empty()) {
    End(session, absl::UnavailableError("the node is ready again; tell all about its pods"));
  }
}

// What goes down.

std::optional<MonoTime> SessionHub::PumpReady(MonoTime now) {
  std::set<SessionId> again;
  for (SessionId id : std::exchange(ready_, {})) {
    Session* session = Find(id);
    if (session == nullptr || session->writing) continue;
    if (absl::Status status = Pump(*session); !status.ok()) {
      spdlog::error("node {}: cannot read its objects, trying again: {}", session->node,
                    status.ToString());
      again.insert(id);
    }
  }
  loader_.Forget();
  ready_.merge(again);
  if (ready_.empty()) return std::nullopt;
  return now + kRetryAfter;
}

absl::Status SessionHub::Pump(Session& session) {
  ToAgent message;
  if (!session.control.empty()) {
    message = std::move(session.control.front());
    session.control.pop_front();
  } else if (session.state == Session::State::kLeaving) {
    End(session, session.leaving_because);
    return absl::OkStatus();
  } else if (session.state == Session::State::kActive) {
    std::optional<session::v1::Assignment> assignment;
    if (session.feed.due()) {
      MUSTER_ASSIGN_OR_RETURN(assignment,
                              session.feed.Next(session.node, index_, loader_, revision_,
                                                options_.assignment_bytes_max));
    }
    std::optional<network::v1::Update> update;
    // What the node runs goes before what it knows of others.
    if (!assignment && session.network.due(network_told_)) {
      update = session.network.Next(network_, options_.assignment_bytes_max);
    }
    if (assignment) {
      *message.mutable_assignment() = std::move(*assignment);
    } else if (update) {
      *message.mutable_network() = std::move(*update);
    } else {
      return absl::OkStatus();
    }
  } else {
    return absl::OkStatus();
  }
  session.writing = true;
  session.peer->Write(std::move(message));
  return absl::OkStatus();
}

SessionHub::Session* SessionHub::Find(SessionId id) {
  auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

}  // namespace muster::coordinator
