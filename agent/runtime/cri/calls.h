#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "agent/runtime/cri/messages.h"

namespace muster::agent::cri {

// The unary calls under way on a stub of gRPC's callback API.
//
// Thread-safe. Every callback runs exactly once. CancelAndWait ends all calls (their callbacks see
// Cancelled) and returns when the last callback has returned; it must not be called from one.
class Calls {
 public:
  ~Calls() { CancelAndWait(); }

  // nullopt: no deadline. `done` gets the response when the status is OK; it may be taken apart.
  template <typename Async, typename Request, typename Response>
  void Start(Async* stub,
             void (Async::*method)(grpc::ClientContext*, const Request*, Response*,
                                   std::function<void(grpc::Status)>),
             Request request, std::optional<std::chrono::seconds> deadline,
             std::function<void(absl::Status, Response&)> done) {
    struct Call {
      grpc::ClientContext context;
      Request request;
      Response response;
      std::function<void(absl::Status, Response&)> done;
    };
    Call* call = new Call;
    call->request = std::move(request);
    call->done = std::move(done);
    if (deadline) call->context.set_deadline(std::chrono::system_clock::now() + *deadline);
    if (!Add(&call->context)) {
      call->done(absl::CancelledError("the runtime client is closing"), call->response);
      delete call;
      return;
    }
    (stub->*method)(&call->context, &call->request, &call->response,
                    [this, call](const grpc::Status& status) {
                      call->done(FromGrpc(status), call->response);
                      // From here on nobody may look at the context any more.
                      const grpc::ClientContext* context = &call->context;
                      Remove(context, [call] { delete call; });
                    });
  }

  void CancelAndWait() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  bool Add(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs `destroy` before the call counts as gone.
  void Remove(const grpc::ClientContext* context, const std::function<void()>& destroy)
      ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> contexts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::agent::cri
