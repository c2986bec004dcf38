#include "agent/link/grpc_link.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "agent/link/outbox.h"
#include "agent/link/translate.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "muster/session/v1/session.grpc.pb.h"

namespace muster::agent {
namespace {

using session::v1::FromAgent;
using session::v1::ToAgent;

absl::Status WhyDown(const grpc::Status& status) {
  if (status.ok()) return absl::UnavailableError("the coordinator closed the session");
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace

// What outlives a stream; streams share it, so that one that is ending need not ask whether the
// link still is.
struct GrpcLink::Owner {
  explicit Owner(std::function<void(LinkEvent)> on_event) : on_event(std::move(on_event)) {}

  const std::function<void(LinkEvent)> on_event;

  // Held while an event is handed over, so that Disconnect can promise that none comes after it.
  absl::Mutex delivery_mutex;
  bool deliver_messages ABSL_GUARDED_BY(delivery_mutex) = false;
  bool deliver_down ABSL_GUARDED_BY(delivery_mutex) = true;

  absl::Mutex mutex;
  Stream* stream ABSL_GUARDED_BY(mutex) = nullptr;  // Where to send to.
  bool open ABSL_GUARDED_BY(mutex) = false;         // Until the stream is destroyed.
};

// One stream, from Connect to OnDone, when it deletes itself.
class GrpcLink::Stream final : public grpc::ClientBidiReactor<FromAgent, ToAgent> {
 public:
  Stream(std::shared_ptr<Owner> owner, const std::shared_ptr<grpc::Channel>& channel)
      : owner_(std::move(owner)), stub_(session::v1::AgentSession::NewStub(channel)) {}

  void Open(const LinkHello& hello) {
    sent_ = HelloMessage(hello);
    stub_->async()->Session(&context_, this);
    // Writes are started from outside of reactions; the hold lasts as long as that may happen.
    AddHold();
    StartWrite(&sent_);
    StartRead(&received_);
    StartCall();
  }

  // These with the owner's mutex held.
  void Cancel() { context_.TryCancel(); }
  Outbox& outbox() { return outbox_; }
  void SendNext() {
    if (writing_ || over_) return;
    std::optional<FromAgent> next = outbox_.Next();
    if (!next) return;
    sent_ = *std::move(next);
    writing_ = true;
    StartWrite(&sent_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      {
        absl::MutexLock lock(&owner_->mutex);
        over_ = true;
      }
      RemoveHold();
      return;
    }
    if (std::optional<LinkEvent> event = EventFrom(std::exchange(received_, {}))) {
      absl::MutexLock lock(&owner_->delivery_mutex);
      if (owner_->deliver_messages) owner_->on_event(*std::move(event));
    }
    StartRead(&received_);
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&owner_->mutex);
    writing_ = false;
    // When it failed the read fails too, and that ends the stream.
    if (ok) SendNext();
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Owner> owner = owner_;
    const absl::Status why = WhyDown(status);
    {
      absl::MutexLock lock(&owner->mutex);
      owner->stream = nullptr;
    }
    delete this;
    absl::MutexLock delivery(&owner->delivery_mutex);
    owner->deliver_messages = false;
    {
      absl::MutexLock lock(&owner->mutex);
      owner->open = false;
    }
    if (owner->deliver_down) owner->on_event(LinkDown{why});
  }

  const std::shared_ptr<Owner> owner_;
  const std::unique_ptr<session::v1::AgentSession::Stub> stub_;
  grpc::ClientContext context_;
  FromAgent sent_;    // gRPC's while a write is under way.
  ToAgent received_;  // gRPC's while a read is under way.
  Outbox outbox_;
  bool writing_ = true;  // The hello, at first.
  bool over_ = false;
};

GrpcLink::GrpcLink(SessionChannel& channel, std::function<void(LinkEvent)> on_event)
    : channel_(channel), owner_(std::make_shared<Owner>(std::move(on_event))) {}

GrpcLink::~GrpcLink() {
  {
    absl::MutexLock lock(&owner_->delivery_mutex);
    owner_->deliver_messages = false;
    owner_->deliver_down = false;
  }
  absl::MutexLock lock(&owner_->mutex);
  if (owner_->stream != nullptr) owner_->stream->Cancel();
  owner_->mutex.Await(absl::Condition(
      +[](Owner* owner) ABSL_NO_THREAD_SAFETY_ANALYSIS { return !owner->open; }, owner_.get()));
}

void GrpcLink::Connect(const LinkHello& hello) {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = channel_.Renew();
  if (!channel.ok()) {
    owner_->on_event(LinkDown{Annotate(channel.status(), "connecting to the coordinator")});
    return;
  }
  {
    absl::MutexLock lock(&owner_->delivery_mutex);
    owner_->deliver_messages = true;
  }
  auto* stream = new Stream(owner_, *channel);
  {
    absl::MutexLock lock(&owner_->mutex);
    MUSTER_CHECK(!owner_->open);
    owner_->open = true;
    owner_->stream = stream;
  }
  stream->Open(hello);
}

void GrpcLink::Disconnect() {
  {
    absl::MutexLock lock(&owner_->delivery_mutex);
    owner_->deliver_messages = false;
  }
  absl::MutexLock lock(&owner_->mutex);
  if (owner_->stream != nullptr) owner_->stream->Cancel();
}

template <typename Fill>
void GrpcLink::Send(Fill fill) {
  absl::MutexLock lock(&owner_->mutex);
  if (owner_->stream == nullptr) return;
  fill(owner_->stream->outbox());
  owner_->stream->SendNext();
}

void GrpcLink::SendNodeStatus(const v1::NodeStatus& status) {
  Send([&](Outbox& outbox) { outbox.AddNodeStatus(status); });
}

void GrpcLink::SendPodReports(const std::vector<PodReport>& reports) {
  Send([&](Outbox& outbox) {
    for (const PodReport& report : reports) outbox.AddPodReport(report);
  });
}

void GrpcLink::SendEvent(const v1::Event& event) {
  Send([&](Outbox& outbox) { outbox.AddEvent(event); });
}

void GrpcLink::SendHeartbeat() {
  Send([](Outbox& outbox) { outbox.AddHeartbeat(); });
}

void GrpcLink::SendStaticPods(const std::vector<v1::Pod>& pods) {
  Send([&](Outbox& outbox) { outbox.SetStaticPods(pods); });
}

void GrpcLink::SendSealingKey(const std::string& id, const std::string& problem) {
  Send([&](Outbox& outbox) { outbox.SetSealingKey(id, problem); });
}

}  // namespace muster::agent
