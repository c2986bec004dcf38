#include "agent/probe/net/grpc_health.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "agent/probe/probe_answer.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace muster::agent {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// An honest answer has a handful of bytes.
constexpr int kAnswerBytesMax = 16 * 1024;
constexpr int kRetryConnectMs = 100;

std::shared_ptr<grpc::Channel> NewChannel(const GrpcCall& call) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kAnswerBytesMax);
  // A server that is just coming up is tried again within the probe's own time.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kRetryConnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kRetryConnectMs);
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  arguments.SetUserAgentPrefix("kube-probe/1.31");
  return grpc::CreateCustomChannel(AddressOf(call.host, call.port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

struct GrpcHealth::Attempt {
  GrpcCall call;
  Duration timeout;
  Prober::Done done;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<Health::Stub> stub;
  grpc::ClientContext context;
  HealthCheckRequest request;
  HealthCheckResponse response;
};

// Those under way, so that the end can wait for them.
class GrpcHealth::Attempts {
 public:
  ~Attempts() {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    for (Attempt* attempt : running_) attempt->context.TryCancel();
    mutex_.Await(absl::Condition(
        +[](std::set<Attempt*>* running) { return running->empty(); }, &running_));
  }

  bool Add(Attempt* attempt) {
    absl::MutexLock lock(&mutex_);
    if (!closing_) running_.insert(attempt);
    return !closing_;
  }
  // All channels of a process share gRPC's callback threads, and the last channel to go joins them.
  // Attempts, with their channels, end on such a thread, which must not wait for itself: one
  // channel is kept until the end, which comes on another.
  void Keep(const std::shared_ptr<grpc::Channel>& channel) {
    absl::MutexLock lock(&mutex_);
    if (kept_ == nullptr) kept_ = channel;
  }
  // False when nobody wants to hear of it any more.
  bool Wanted() {
    absl::MutexLock lock(&mutex_);
    return !closing_;
  }
  void Remove(Attempt* attempt) {
    absl::MutexLock lock(&mutex_);
    running_.erase(attempt);
    delete attempt;
  }

 private:
  absl::Mutex mutex_;
  std::shared_ptr<grpc::Channel> kept_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<Attempt*> running_ ABSL_GUARDED_BY(mutex_);
};

GrpcHealth::GrpcHealth() : attempts_(std::make_unique<Attempts>()) {}
GrpcHealth::~GrpcHealth() = default;

void GrpcHealth::Check(const GrpcCall& call, Duration timeout, Prober::Done done) {
  auto* attempt = new Attempt{.call = call, .timeout = timeout, .done = std::move(done)};
  if (!attempts_->Add(attempt)) {
    delete attempt;
    return;
  }
  attempt->channel = NewChannel(call);
  attempts_->Keep(attempt->channel);
  attempt->stub = Health::NewStub(attempt->channel);
  attempt->request.set_service(call.service);
  attempt->context.set_deadline(std::chrono::system_clock::now() +
                                std::chrono::duration_cast<std::chrono::milliseconds>(timeout));
  attempt->context.set_wait_for_ready(true);
  attempt->stub->async()->Check(
      &attempt->context, &attempt->request, &attempt->response,
      [attempts = attempts_.get(), attempt](const grpc::Status& status) {
        const bool connected = attempt->channel->GetState(false) == GRPC_CHANNEL_READY;
        const absl::Status said(static_cast<absl::StatusCode>(status.error_code()),
                                status.error_message());
        if (attempts->Wanted()) {
          attempt->done(AnswerOfGrpc(attempt->call, attempt->timeout, said, connected,
                                     attempt->response.status()));
        }
        attempts->Remove(attempt);
      });
}

}  // namespace muster::agent
