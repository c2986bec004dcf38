#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
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

// The calls under way on a stub of gRPC's callback API.
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

  // The same for a call that is answered by a stream. `done` runs after the last message.
  template <typename Async, typename Request, typename Response>
  void Read(Async* stub,
            void (Async::*method)(grpc::ClientContext*, const Request*,
                                  grpc::ClientReadReactor<Response>*),
            Request request, std::function<void(const Response&)> on_message,
            std::function<void(absl::Status)> done) {
    class Reader final : public grpc::ClientReadReactor<Response> {
     public:
      Reader(Calls& calls, Request request, std::function<void(const Response&)> on_message,
             std::function<void(absl::Status)> done)
          : calls_(calls),
            request_(std::move(request)),
            on_message_(std::move(on_message)),
            done_(std::move(done)) {}

      void Start(Async* stub, void (Async::*method)(grpc::ClientContext*, const Request*,
                                                    grpc::ClientReadReactor<Response>*)) {
        if (!calls_.Add(&context_)) {
          done_(absl::CancelledError("the runtime client is closing"));
          delete this;
          return;
        }
        (stub->*method)(&context_, &request_, this);
        this->StartRead(&response_);
        this->StartCall();
      }
      void OnReadDone(bool ok) override {
        if (!ok) return;
        on_message_(response_);
        this->StartRead(&response_);
      }
      void OnDone(const grpc::Status& status) override {
        done_(FromGrpc(status));
        calls_.Remove(&context_, [this] { delete this; });
      }

     private:
      Calls& calls_;
      grpc::ClientContext context_;
      const Request request_;
      Response response_;
      const std::function<void(const Response&)> on_message_;
      const std::function<void(absl::Status)> done_;
    };
    (new Reader(*this, std::move(request), std::move(on_message), std::move(done)))
        ->Start(stub, method);
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
