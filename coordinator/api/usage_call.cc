#include "coordinator/api/usage_call.h"

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/mutex.h"
#include "coordinator/api/tunnel_stream.h"
#include "grpcpp/alarm.h"

namespace muster::coordinator {
namespace {

using session::v1::TunnelFromAgent;

// One round of questions. Kept by the callbacks that wait for answers and by the alarm.
class UsageRound final : public std::enable_shared_from_this<UsageRound> {
 public:
  UsageRound(TunnelBroker& tunnels, UsageQuestions questions, const UsageLimits& limits,
             std::function<void(UsageAnswers)> done)
      : tunnels_(tunnels),
        limits_(limits),
        done_(std::move(done)),
        waiting_(std::move(questions)) {}

  void Start() {
    size_t batches = 1;
    {
      MutexLock lock(&mutex_);
      batches += waiting_.size() / limits_.nodes_at_once;
    }
    wait_ = limits_.answer_wait * static_cast<int64_t>(batches);
    // The alarm keeps what it calls, and is ours: it is let go of once it has called.
    alarm_.Set(std::chrono::system_clock::now() + wait_,
               [self = shared_from_this()](bool passed) mutable {
                 const std::shared_ptr<UsageRound> round = std::move(self);
                 if (passed) round->GiveUp();
               });
    for (size_t i = 0; i < limits_.nodes_at_once && AskNext(); ++i) continue;
    FinishIfOver();
  }

 private:
  // False: all are asked.
  bool AskNext() {
    std::string node;
    session::v1::OpenTunnel request;
    {
      MutexLock lock(&mutex_);
      if (over_ || waiting_.empty()) return false;
      auto next = waiting_.extract(waiting_.begin());
      node = next.key();
      *request.mutable_stats() = std::move(next.mapped());
      asked_[node] = nullptr;
    }
    std::shared_ptr<Tunnel> tunnel = tunnels_.Open(node, std::move(request));
    {
      MutexLock lock(&mutex_);
      if (over_) {
        tunnel->Close(absl::CancelledError("nobody waits any more"));
        return false;
      }
      asked_[node] = tunnel;
    }
    Pull(node, std::move(tunnel));
    return true;
  }

  void Pull(const std::string& node, std::shared_ptr<Tunnel> tunnel) {
    Tunnel& from = *tunnel;
    from.from_agent().Pull([self = shared_from_this(), node, tunnel = std::move(tunnel)](
                               std::optional<TunnelFromAgent> frame) mutable {
      if (!frame) {
        const absl::Status why = tunnel->why();
        return self->Take(node, why.ok() ? absl::InternalError("the node said nothing") : why);
      }
      if (frame->has_error()) return self->Take(node, StatusOf(frame->error()));
      if (frame->has_usage()) return self->Take(node, std::move(*frame->mutable_usage()));
      self->Pull(node, std::move(tunnel));
    });
  }

  void Take(const std::string& node, absl::StatusOr<session::v1::TunnelUsage> answer) {
    std::shared_ptr<Tunnel> tunnel;
    {
      MutexLock lock(&mutex_);
      const auto asked = asked_.find(node);
      if (over_ || asked == asked_.end()) return;
      tunnel = std::move(asked->second);
      asked_.erase(asked);
      answers_.emplace(node, std::move(answer));
    }
    if (tunnel != nullptr) tunnel->Close(absl::OkStatus());
    if (!AskNext()) FinishIfOver();
  }

  void FinishIfOver() {
    UsageAnswers answers;
    {
      MutexLock lock(&mutex_);
      if (over_ || !asked_.empty() || !waiting_.empty()) return;
      over_ = true;
      answers = std::move(answers_);
    }
    alarm_.Cancel();
    done_(std::move(answers));
  }

  void GiveUp() {
    UsageAnswers answers;
    std::vector<std::shared_ptr<Tunnel>> late;
    const absl::Status why = absl::DeadlineExceededError(
        absl::StrCat("did not answer within ", wait_.count() / 1'000, " s"));
    {
      MutexLock lock(&mutex_);
      if (std::exchange(over_, true)) return;
      for (auto& [node, tunnel] : asked_) {
        if (tunnel != nullptr) late.push_back(std::move(tunnel));
        answers_.emplace(node, why);
      }
      for (const auto& [node, question] : waiting_) answers_.emplace(node, why);
      answers = std::move(answers_);
    }
    for (const auto& tunnel : late) tunnel->Close(why);
    done_(std::move(answers));
  }

  TunnelBroker& tunnels_;
  const UsageLimits limits_;
  const std::function<void(UsageAnswers)> done_;
  std::chrono::milliseconds wait_{};  // Set once.
  grpc::Alarm alarm_;
  Mutex mutex_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  UsageQuestions waiting_ ABSL_GUARDED_BY(mutex_);  // Not asked yet.
  // Null while its tunnel is being made.
  std::map<std::string, std::shared_ptr<Tunnel>> asked_ ABSL_GUARDED_BY(mutex_);
  UsageAnswers answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void AskForUsage(TunnelBroker& tunnels, UsageQuestions questions, const UsageLimits& limits,
                 std::function<void(UsageAnswers)> done) {
  std::make_shared<UsageRound>(tunnels, std::move(questions), limits, std::move(done))->Start();
}

grpc::ServerUnaryReactor* NewTopCall(std::shared_ptr<AdminCall> call, AdminApi& api,
                                     TunnelBroker& tunnels, const admin::v1::TopRequest& request,
                                     admin::v1::TopResponse* response,
                                     grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto find = [&]() -> absl::StatusOr<std::vector<v1::Object>> {
    MUSTER_RETURN_IF_ERROR(call->Begin(request));
    return api.FindForTop(request);
  };
  absl::StatusOr<std::vector<v1::Object>> objects = find();
  if (!objects.ok()) {
    call->Finish(objects.status());
    reactor->Finish(ToGrpc(objects.status()));
    return reactor;
  }
  UsageQuestions questions = QuestionsAbout(*objects);
  // The response is gRPC's, and there until Finish.
  AskForUsage(tunnels, std::move(questions), {},
              [reactor, response, call = std::move(call),
               objects = *std::move(objects)](const UsageAnswers& answers) {
                *response = UsageOf(objects, answers);
                call->Finish(absl::OkStatus());
                reactor->Finish(grpc::Status::OK);
              });
  return reactor;
}

}  // namespace muster::coordinator
