#include "test/simulation/network.h"

#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/link/outbox.h"
#include "agent/link/translate.h"
#include "common/base/macros.h"

namespace muster::simulation {
namespace {

using namespace std::chrono_literals;
using session::v1::FromAgent;
using session::v1::ToAgent;

constexpr Duration kPatienceLeast = 8s, kPatienceMost = 20s;  // Of keepalive.

absl::Status Reset() { return absl::UnavailableError("Connection reset by peer"); }
absl::Status TimedOut() { return absl::UnavailableError("keepalive watchdog timeout"); }

}  // namespace

struct Network::Stream {
  uint64_t id = 0;
  std::string node;
  uint64_t epoch = 0;
  bool lost = false;  // What is still on its way does not arrive.

  SimLink* link = nullptr;  // The agent's end, while it is there.
  bool deliver = true;      // Until the agent disconnects.
  agent::Outbox outbox;
  bool writing = false;

  bool hub_end = false;   // The hub knows it and has not finished it.
  bool hub_deaf = false;  // Its end broke, which it was told.
  bool wanted = false;    // The hub asked for the next message.
  std::deque<FromAgent> arrived;

  struct Lane {
    MonoTime last{};
    std::deque<std::function<void()>> stalled;  // By a cut.
  };
  Lane up, down;
};

class Network::SimLink final : public agent::Link {
 public:
  SimLink(Network& network, std::string node, std::shared_ptr<Lifeline> life,
          std::function<void(agent::LinkEvent)> on_event)
      : network_(network),
        node_(std::move(node)),
        life_(std::move(life)),
        on_event_(std::move(on_event)) {}
  ~SimLink() override {
    if (stream_ == nullptr) return;
    stream_->link = nullptr;
    network_.Carry(stream_, Way::kUp,
                   [&network = network_, stream = stream_] { network.HubEndOver(*stream); });
  }

  void Connect(const agent::LinkHello& hello) override {
    if (!life_->Pass()) return;
    MUSTER_CHECK(stream_ == nullptr);
    stream_ = std::make_shared<Stream>();
    stream_->node = node_;
    stream_->link = this;
    network_.Open(stream_, hello);
  }
  void Disconnect() override {
    if (!life_->Pass() || stream_ == nullptr || !stream_->deliver) return;
    stream_->deliver = false;
    network_.EndLater(stream_, absl::CancelledError("the agent closed the session"));
  }
  void SendNodeStatus(const v1::NodeStatus& status) override {
    Send([&](agent::Outbox& outbox) { outbox.AddNodeStatus(status); });
  }
  void SendPodReports(const std::vector<agent::PodReport>& reports) override {
    Send([&](agent::Outbox& outbox) {
      for (const agent::PodReport& report : reports) outbox.AddPodReport(report);
    });
  }
  void SendEvent(const v1::Event& event) override {
    Send([&](agent::Outbox& outbox) { outbox.AddEvent(event); });
  }
  void SendHeartbeat() override {
    Send([](agent::Outbox& outbox) { outbox.AddHeartbeat(); });
  }
  void SendStaticPods(const std::vector<v1::Pod>& pods) override {
    Send([&](agent::Outbox& outbox) { outbox.SetStaticPods(pods); });
  }
  void SendSealingKey(const std::string& id, const std::string& problem) override {
    Send([&](agent::Outbox& outbox) { outbox.SetSealingKey(id, problem); });
  }

  void Deliver(agent::LinkEvent event) { on_event_(std::move(event)); }
  void Over(absl::Status why) {
    stream_.reset();
    on_event_(agent::LinkDown{std::move(why)});
  }

 private:
  template <typename Fill>
  void Send(Fill fill) {
    if (!life_->Pass() || stream_ == nullptr) return;
    fill(stream_->outbox);
    network_.SendNext(stream_);
  }

  Network& network_;
  const std::string node_;
  const std::shared_ptr<Lifeline> life_;
  const std::function<void(agent::LinkEvent)> on_event_;
  StreamPtr stream_;
};

// The hub's handle of a stream.
class Network::Peer final : public coordinator::SessionPeer {
 public:
  Peer(Network& network, StreamPtr stream, std::shared_ptr<Lifeline> life)
      : network_(network), stream_(std::move(stream)), life_(std::move(life)) {}

  void Write(ToAgent message) override {
    if (!life_->Pass()) return;
    if (network_.spoiler.down && network_.spoiler.down(message)) {
      message = ToAgent();
      message.mutable_assignment();
    }
    auto sent = std::make_shared<ToAgent>(std::move(message));
    network_.Carry(stream_, Way::kDown, [stream = stream_, sent] {
      if (stream->link == nullptr || !stream->deliver) return;
      if (std::optional<agent::LinkEvent> event = agent::EventFrom(std::move(*sent))) {
        stream->link->Deliver(*std::move(event));
      }
    });
    // In the buffers of the network is written, too.
    network_.stage_.agenda.After(network_.Delay(), [&network = network_, stream = stream_] {
      if (!stream->hub_end || stream->epoch != network.epoch_) return;
      network.hub_->Post(coordinator::SessionWritten{stream->id});
    });
  }
  void ReadNext() override {
    if (!life_->alive()) return;
    stream_->wanted = true;
    network_.Feed(*stream_);
  }
  void Finish(absl::Status why) override {
    if (!life_->Pass()) return;
    stream_->hub_end = false;
    network_.Carry(stream_, Way::kDown, [&network = network_, stream = stream_, why] {
      network.AgentEndOver(*stream, why);
    });
  }

 private:
  Network& network_;
  const StreamPtr stream_;
  const std::shared_ptr<Lifeline> life_;
};

Network::Network(Stage& stage) : stage_(stage), dice_(stage.NewDice("network")) {}

Network::~Network() = default;

void Network::Listen(coordinator::SessionHub* hub, std::shared_ptr<Lifeline> life) {
  ++epoch_;
  hub_ = hub;
  hub_life_ = std::move(life);
  for (const auto& [id, stream] : streams_) {
    if (stream->epoch == epoch_ || stream->epoch == 0) continue;
    stream->hub_end = false;
    stage_.agenda.After(Delay(), [this, stream = stream] {
      if (!IsCut(stream->node)) AgentEndOver(*stream, Reset());
    });
  }
}

std::unique_ptr<agent::Link> Network::NewLink(const std::string& node,
                                              std::shared_ptr<Lifeline> life,
                                              std::function<void(agent::LinkEvent)> on_event) {
  return std::make_unique<SimLink>(*this, node, std::move(life), std::move(on_event));
}

void Network::Open(const StreamPtr& stream, const agent::LinkHello& hello) {
  stream->id = ++last_id_;
  streams_[stream->id] = stream;
  if (IsCut(stream->node)) WatchOver(stream);
  auto message = std::make_shared<FromAgent>(agent::HelloMessage(hello));
  stream->writing = true;
  Carry(stream, Way::kUp, [this, stream, message] {
    if (hub_ == nullptr) {
      return AgentEndOver(*stream, absl::UnavailableError("Connection refused"));
    }
    stream->epoch = epoch_;
    stream->hub_end = true;
    hub_->Post(coordinator::SessionOpened{
        stream->id, stream->node, std::make_shared<Peer>(*this, stream, hub_life_), kNodeKey});
    stream->arrived.push_back(std::move(*message));
    stream->writing = false;
    SendNext(stream);
  });
}

// Arrivals of one way keep their order, each a little after the one before.
void Network::Carry(const StreamPtr& stream, Way way, std::function<void()> arrive) {
  Stream::Lane& lane = way == Way::kUp ? stream->up : stream->down;
  const MonoTime earliest =
      stage_.clock.Mono() + std::chrono::duration_cast<MonoTime::duration>(Delay());
  lane.last = std::max(earliest, lane.last + 1ns);
  stage_.agenda.At(lane.last, [this, stream, way, arrive = std::move(arrive)] {
    if (stream->lost) return;
    Stream::Lane& at = way == Way::kUp ? stream->up : stream->down;
    if (IsCut(stream->node) || !at.stalled.empty()) {
      at.stalled.push_back(arrive);
    } else {
      arrive();
    }
  });
}

void Network::SendNext(const StreamPtr& stream) {
  if (stream->writing) return;
  std::optional<FromAgent> next = stream->outbox.Next();
  while (next && spoiler.up && spoiler.up(*next)) next = stream->outbox.Next();
  if (!next) return;
  stream->writing = true;
  auto message = std::make_shared<FromAgent>(*std::move(next));
  Carry(stream, Way::kUp, [this, stream, message] {
    stream->arrived.push_back(std::move(*message));
    Feed(*stream);
    stream->writing = false;
    SendNext(stream);
  });
}

void Network::Feed(Stream& stream) {
  if (!stream.wanted || stream.arrived.empty()) return;
  if (!stream.hub_end || stream.hub_deaf || stream.epoch != epoch_) return;
  stream.wanted = false;
  FromAgent message = std::move(stream.arrived.front());
  stream.arrived.pop_front();
  hub_->Post(coordinator::SessionReceived{stream.id, std::move(message)});
}

void Network::AgentEndOver(Stream& stream, absl::Status why) {
  if (stream.link != nullptr) std::exchange(stream.link, nullptr)->Over(std::move(why));
  if (!stream.hub_end) streams_.erase(stream.id);
}

void Network::HubEndOver(Stream& stream) {
  if (stream.hub_end && !stream.hub_deaf && stream.epoch == epoch_) {
    stream.hub_deaf = true;
    hub_->Post(coordinator::SessionBroken{stream.id});
  }
  if (stream.link == nullptr) streams_.erase(stream.id);
}

// Both ends hear of it, each when it does.
void Network::EndLater(const StreamPtr& stream, absl::Status why) {
  stage_.agenda.After(Delay(), [this, stream, why = std::move(why)] {
    stream->lost = true;
    AgentEndOver(*stream, why);
    if (IsCut(stream->node)) return;  // WatchOver sees to it.
    stage_.agenda.After(Delay(), [this, stream] { HubEndOver(*stream); });
  });
}

// An end that hears nothing gives up in the end, each end by itself.
void Network::WatchOver(const StreamPtr& stream) {
  const uint64_t number = cut_.at(stream->node);
  const auto still = [this, number, stream] {
    const auto found = cut_.find(stream->node);
    return found != cut_.end() && found->second == number;
  };
  stage_.agenda.After(dice_.Between(kPatienceLeast, kPatienceMost), [this, stream, still] {
    if (!still()) return;
    stream->lost = true;
    AgentEndOver(*stream, TimedOut());
  });
  stage_.agenda.After(dice_.Between(kPatienceLeast, kPatienceMost), [this, stream, still] {
    if (!still()) return;
    stream->lost = true;
    HubEndOver(*stream);
  });
}

void Network::Cut(const std::string& node) {
  if (IsCut(node)) return;
  cut_[node] = ++last_cut_;
  for (const auto& [id, stream] : streams_) {
    if (stream->node == node) WatchOver(stream);
  }
}

void Network::Heal(const std::string& node) {
  if (cut_.erase(node) == 0) return;
  const std::map<uint64_t, StreamPtr> streams = streams_;
  for (const auto& [id, stream] : streams) {
    if (stream->node != node) continue;
    if (stream->lost || (stream->epoch != 0 && stream->epoch != epoch_)) {
      // One end has given up: the other is told at its first word.
      EndLater(stream, Reset());
      continue;
    }
    for (Stream::Lane* lane : {&stream->up, &stream->down}) {
      // One after the other, as what they bring may send more.
      while (!lane->stalled.empty() && !stream->lost && !IsCut(node)) {
        const auto arrive = std::move(lane->stalled.front());
        lane->stalled.pop_front();
        arrive();
      }
    }
  }
}

void Network::Break(const std::string& node) {
  const std::map<uint64_t, StreamPtr> streams = streams_;
  for (const auto& [id, stream] : streams) {
    if (stream->node == node && !IsCut(node)) EndLater(stream, Reset());
  }
}

void Network::PowerLost(const std::string& node) {
  const std::map<uint64_t, StreamPtr> streams = streams_;
  for (const auto& [id, stream] : streams) {
    if (stream->node != node) continue;
    stream->lost = true;
    stage_.agenda.After(dice_.Between(kPatienceLeast, kPatienceMost),
                        [this, stream = stream] { HubEndOver(*stream); });
  }
}

}  // namespace muster::simulation
