#include "agent/tunnel/rpc/grpc_tunnel_dialer.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "agent/tunnel/rpc/tunnel_input.h"
#include "common/base/macros.h"
#include "muster/session/v1/session.grpc.pb.h"

namespace muster::agent {
namespace {

using session::v1::TunnelFromAgent;
using session::v1::TunnelToAgent;
using Stub = session::v1::AgentSession::Stub;

// Input that was read but not taken. Beyond it the stream is not read, so gRPC holds back the user.
constexpr size_t kInputBytesMax = 256 << 10;
// How long the coordinator may take to end a call after our last word.
constexpr absl::Duration kFarewell = absl::Seconds(5);

void SetError(const absl::Status& why, TunnelFromAgent* message) {
  message->mutable_error()->set_code(static_cast<int>(why.code()));
  message->mutable_error()->set_message(std::string(why.message()));
}

void SetAmount(const UsageAmount& amount, session::v1::TunnelUsage::Amount* message) {
  if (amount.cpu_nano_cores) message->set_cpu_nano_cores(*amount.cpu_nano_cores);
  if (amount.memory_bytes) message->set_memory_bytes(*amount.memory_bytes);
}

void SetUsage(const NodeUsage& usage, session::v1::TunnelUsage* message) {
  for (const ContainerAmount& container : usage.containers) {
    session::v1::TunnelUsage::Container* sent = message->add_containers();
    sent->set_pod_uid(container.pod_uid);
    sent->set_container(container.container);
    SetAmount(container.amount, sent->mutable_amount());
  }
  SetAmount(usage.node, message->mutable_node());
}

class GrpcTunnelPeer final : public TunnelPeer,
                             private grpc::ClientBidiReactor<TunnelFromAgent, TunnelToAgent> {
 public:
  GrpcTunnelPeer(const std::shared_ptr<grpc::Channel>& channel, const std::string& tunnel_id)
      : stub_(session::v1::AgentSession::NewStub(channel)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        can_send_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    MUSTER_CHECK(wake_ >= 0 && can_send_ >= 0);
    stub_->async()->Tunnel(&context_, this);
    // Reads and writes are started by the worker; the hold lasts as long as it has the peer.
    AddHold();
    sent_.set_tunnel_id(tunnel_id);
    StartWrite(&sent_);
    StartRead(&received_);
    StartCall();
  }

  ~GrpcTunnelPeer() override {
    {
      absl::MutexLock lock(&mutex_);
      if (!finished_) context_.TryCancel();
    }
    RemoveHold();
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&done_), kFarewell)) {
      context_.TryCancel();
      mutex_.Await(absl::Condition(&done_));
    }
    ::close(wake_);
    ::close(can_send_);
  }

  bool SendStdout(std::string_view bytes) override {
    TunnelFromAgent message;
    message.set_stdout(bytes.data(), bytes.size());
    return Send(std::move(message));
  }
  bool SendStderr(std::string_view bytes) override {
    TunnelFromAgent message;
    message.set_stderr(bytes.data(), bytes.size());
    return Send(std::move(message));
  }
  bool SendStdoutEnd() override {
    TunnelFromAgent message;
    message.set_stdout_closed(true);
    return Send(std::move(message));
  }
  bool SendUsage(const NodeUsage& usage) override {
    TunnelFromAgent message;
    SetUsage(usage, message.mutable_usage());
    return Send(std::move(message));
  }
  bool CanSend() override {
    absl::MutexLock lock(&mutex_);
    if (writing_ && !gone_) {
      send_awaited_ = true;
      return false;
    }
    // The other end being gone stays readable.
    if (!gone_) Drain(can_send_);
    return true;
  }
  int send_fd() const override { return can_send_; }
  void FinishExec(int32_t exit_code) override {
    TunnelFromAgent message;
    message.set_exit_code(exit_code);
    (void)Send(std::move(message));
    End();
  }
  void Finish(const absl::Status& status) override {
    if (!status.ok()) {
      TunnelFromAgent message;
      SetError(status, &message);
      (void)Send(std::move(message));
    }
    End();
  }

  std::optional<TunnelInput> TakeInput() override {
    absl::MutexLock lock(&mutex_);
    if (input_.empty()) return std::nullopt;
    TunnelInput input = std::move(input_.front());
    input_.pop_front();
    input_bytes_ -= input.stdin_bytes.size();
    // The other end being gone stays readable.
    if (input_.empty() && !gone_) Drain(wake_);
    if (read_paused_ && input_bytes_ < kInputBytesMax && !gone_) {
      read_paused_ = false;
      StartRead(&received_);
    }
    return input;
  }
  int wake_fd() const override { return wake_; }
  bool gone() const override { return gone_; }
  void Cancel() override { context_.TryCancel(); }

 private:
  // One message is on its way while the next is made; a second waits for the first.
  bool Send(TunnelFromAgent message) {
    absl::MutexLock lock(&mutex_);
    AwaitWritten();
    if (gone_) return false;
    sent_ = std::move(message);
    writing_ = true;
    StartWrite(&sent_);
    return true;
  }

  void End() {
    absl::MutexLock lock(&mutex_);
    AwaitWritten();
    finished_ = true;
    if (!gone_) StartWritesDone();
  }

  void AwaitWritten() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto written = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !writing_ || gone_; };
    mutex_.Await(absl::Condition(&written));
  }

  void OnReadDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    if (!ok) return Leave();
    TunnelInput input = InputFrom(std::exchange(received_, {}));
    input_bytes_ += input.stdin_bytes.size();
    input_.push_back(std::move(input));
    Wake(wake_);
    if (input_bytes_ < kInputBytesMax) {
      StartRead(&received_);
    } else {
      read_paused_ = true;
    }
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) return Leave();
    if (std::exchange(send_awaited_, false)) Wake(can_send_);
  }

  void OnDone(const grpc::Status&) override {
    absl::MutexLock lock(&mutex_);
    Leave();
    done_ = true;
  }

  void Leave() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    gone_ = true;
    Wake(wake_);
    Wake(can_send_);
  }

  static void Wake(int event) {
    const uint64_t one = 1;
    MUSTER_CHECK(::write(event, &one, sizeof one) == sizeof one);
  }
  static void Drain(int event) {
    uint64_t count;
    (void)!::read(event, &count, sizeof count);
  }

  const std::unique_ptr<Stub> stub_;
  const int wake_, can_send_;
  grpc::ClientContext context_;
  TunnelFromAgent sent_;    // gRPC's while a write is under way.
  TunnelToAgent received_;  // gRPC's while a read is under way.
  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = true;  // The tunnel's id, at first.
  bool send_awaited_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_paused_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<TunnelInput> input_ ABSL_GUARDED_BY(mutex_);
  size_t input_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<bool> gone_ = false;  // Set under the lock.
};

}  // namespace

struct GrpcTunnelDialer::Refusals {
  absl::Mutex mutex;
  std::set<Refusal*> cancellable ABSL_GUARDED_BY(mutex);
  int count ABSL_GUARDED_BY(mutex) = 0;
};

// A tunnel that only says why there is none. Belongs to itself, but not for longer than the dialer
// lives: gRPC must not lose its last channel on a thread of its own.
class GrpcTunnelDialer::Refusal final
    : public grpc::ClientBidiReactor<TunnelFromAgent, TunnelToAgent> {
 public:
  Refusal(Refusals& all, const std::shared_ptr<grpc::Channel>& channel,
          const std::string& tunnel_id, const absl::Status& why)
      : all_(all), stub_(session::v1::AgentSession::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kFarewell));
    id_.set_tunnel_id(tunnel_id);
    SetError(why, &error_);
    absl::MutexLock lock(&all_.mutex);
    all_.cancellable.insert(this);
    ++all_.count;
  }

  void Open() {
    stub_->async()->Tunnel(&context_, this);
    StartWrite(&id_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  void OnWriteDone(bool ok) override {
    if (ok && !std::exchange(said_, true)) StartWriteLast(&error_, grpc::WriteOptions());
  }

  void OnDone(const grpc::Status&) override {
    Refusals& all = all_;
    {
      absl::MutexLock lock(&all.mutex);
      all.cancellable.erase(this);
    }
    delete this;
    absl::MutexLock lock(&all.mutex);
    --all.count;
  }

  Refusals& all_;
  const std::unique_ptr<Stub> stub_;
  grpc::ClientContext context_;
  TunnelFromAgent id_, error_;
  bool said_ = false;
};

GrpcTunnelDialer::GrpcTunnelDialer(SessionChannel& channel)
    : channel_(channel), refusals_(std::make_unique<Refusals>()) {}

GrpcTunnelDialer::~GrpcTunnelDialer() {
  absl::MutexLock lock(&refusals_->mutex);
  for (Refusal* refusal : refusals_->cancellable) refusal->Cancel();
  const auto none = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return refusals_->count == 0; };
  refusals_->mutex.Await(absl::Condition(&none));
}

std::unique_ptr<TunnelPeer> GrpcTunnelDialer::Dial(const std::string& tunnel_id) {
  const std::shared_ptr<grpc::Channel> channel = channel_.current();
  if (channel == nullptr) return nullptr;
  return std::make_unique<GrpcTunnelPeer>(channel, tunnel_id);
}

void GrpcTunnelDialer::Refuse(const std::string& tunnel_id, const absl::Status& why) {
  const std::shared_ptr<grpc::Channel> channel = channel_.current();
  if (channel != nullptr) (new Refusal(*refusals_, channel, tunnel_id, why))->Open();
}

}  // namespace muster::agent
