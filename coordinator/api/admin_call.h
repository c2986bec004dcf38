#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/api/call_notes.h"
#include "coordinator/api/live_calls.h"
#include "coordinator/audit/audit_sink.h"
#include "coordinator/authz/identity.h"
#include "coordinator/limits/call_limiter.h"
#include "google/protobuf/message.h"
#include "grpcpp/server_context.h"

namespace muster::coordinator {

// What stands around every call of the admin API. Null: there is no such thing. All outlive the
// servers.
struct CallGuards {
  AuditSink* audit = nullptr;
  CallLimiter* limiter = nullptr;
  LiveCalls* live = nullptr;
  // For how long what is written to a stream may be left untaken; seen when LiveCalls are checked.
  const Clock* clock = nullptr;  // Null: for ever.
  Duration reader_wait_max = std::chrono::minutes(5);
  // Called when a caller has proved who it is; on any thread.
  std::function<void(const std::string& peer, const std::string& name)> on_known;
};

// One call of the admin API from its coming to its end: who calls, may it, how often, and what is
// remembered of it. Thread-safe.
class AdminCall final : public LiveCall, public std::enable_shared_from_this<AdminCall> {
 public:
  // Who calls? Called on any thread while the call is there.
  using Authenticate =
      std::function<absl::StatusOr<Identity>(const grpc::CallbackServerContext& context)>;
  enum class Kind { kUnary, kStream };

  // `authenticate` and `context` are there until Finish; for a stream until Detach.
  static std::shared_ptr<AdminCall> New(Kind kind, std::string_view rpc,
                                        const Authenticate& authenticate, const CallGuards& guards,
                                        const grpc::CallbackServerContext& context);
  ~AdminCall() override;

  // First: is the caller somebody, and within its limits? Of what it wants nothing is known yet.
  absl::Status Enter();
  // Then: may it do what this message asks for? Once.
  absl::Status Allow(const google::protobuf::Message& request);
  // Both.
  absl::Status Begin(const google::protobuf::Message& request);

  // Of a call that makes objects: may it, and what came of it. Who is at the local socket may make
  // any number.
  absl::Status CheckCreates() const;
  void ChargeCreates();

  const Identity& caller() const { return caller_; }  // After Enter.
  CallNotes& notes() { return notes_; }               // Of whoever answers the call.

  // How the call ended. The first one counts.
  void Finish(const absl::Status& status);

  // Of a stream that has begun: how to end it from outside. `cut` returns at once.
  void OnCut(std::function<void(const absl::Status&)> cut) ABSL_LOCKS_EXCLUDED(mutex_);
  // After it `cut` is not running and is never called again.
  void Detach() ABSL_LOCKS_EXCLUDED(mutex_);
  // Of a stream: something was handed to gRPC, and gRPC could pass it on to the reader.
  void WriteBegins();
  void WriteEnds() { writing_since_ = MonoTime(); }
  void CheckAgain() override ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<WallTime> until() const override { return caller_.until; }

 private:
  AdminCall(Kind kind, std::string_view rpc, const Authenticate& authenticate,
            const CallGuards& guards, const grpc::CallbackServerContext& context);
  AuditRecord NewRecord() const;
  void Remember(AuditRecord record, const absl::Status& status);
  // DeadlineExceeded when it takes nothing.
  absl::Status CheckReader() const;

  const Kind kind_;
  const std::string rpc_;
  const Authenticate& authenticate_;
  const CallGuards guards_;
  const grpc::CallbackServerContext& context_;
  const std::string peer_;

  // Set before the call is known to other threads.
  Identity caller_;
  bool known_ = false, entered_ = false, allowed_ = false, has_stream_ = false;
  std::unique_ptr<google::protobuf::Message> request_;  // That the stream began with.
  std::vector<AuditedObject> objects_;
  std::string program_;
  bool dry_run_ = false;
  CallNotes notes_;

  std::atomic<bool> finished_ = false;
  std::atomic<MonoTime> writing_since_ = MonoTime();  // The epoch: nothing is under way.
  Mutex mutex_;
  std::function<void(const absl::Status&)> cut_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::coordinator
