#include "coordinator/api/watch_streams.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "coordinator/api/rollout_status.h"
#include "coordinator/rpc/status.h"

namespace muster::coordinator {
namespace {

using admin::v1::RolloutStatusUpdate;
using admin::v1::WatchEvent;

// One event is taken from the feed, and the next when gRPC has written what came of it.
//
// The feed calls back on threads of the store and may not be destroyed there. So OnDone, which
// gRPC calls on a thread of its own, ends the feed (and waits for such a call) before anything else
// goes, and callbacks hold no reference of their own.
template <typename Message>
class FeedStream : public grpc::ServerWriteReactor<Message> {
 public:
  FeedStream(std::shared_ptr<AdminCall> call, grpc::CallbackServerContext* context)
      : call_(std::move(call)), context_(context) {}

  // `start` gives the feed when the call may be had.
  template <typename Request, typename Start>
  void Begin(const Request& request, Start start) {
    if (const absl::Status allowed = call_->Begin(request); !allowed.ok()) return End(allowed);
    absl::StatusOr<std::unique_ptr<WatchFeed>> feed = start();
    if (!feed.ok()) return End(feed.status());
    feed_ = *std::move(feed);
    feed_->OnOverflow([this](const absl::Status& why) { Cut(why, /*only_when_stuck=*/true); });
    call_->OnCut([this](const absl::Status& why) { Cut(why); });
    Pull();
  }
  void OnWriteDone(bool ok) override {
    call_->WriteEnds();
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      if (ended_) return;
    }
    if (ok) return Pull();
    End(absl::CancelledError("the caller left"));
  }
  void OnCancel() override { End(absl::CancelledError("the caller left")); }
  void OnDone() override {
    call_->Detach();
    feed_.reset();
    delete this;
  }

  void End(const absl::Status& status) {
    MutexLock lock(&mutex_);
    if (std::exchange(ended_, true)) return;
    call_->Finish(status);
    this->Finish(ToGrpc(status));
  }

 protected:
  // What to write for an event: true when `ret_message` is to be written. Ends the stream itself
  // when it is time to.
  virtual bool Translate(WatchEvent event, Message& ret_message) = 0;
  // Written, then the stream ends.
  void EndAfterWrite() { last_ = true; }

 private:
  void Pull() {
    if (last_) return End(absl::OkStatus());
    feed_->Pull([this](absl::StatusOr<WatchEvent> event) {
      if (!event.ok()) return End(event.status());
      if (Translate(*std::move(event), message_)) return Write();
      if (!has_ended()) Pull();
    });
  }
  void Write() {
    MutexLock lock(&mutex_);
    if (ended_) return;
    writing_ = true;
    call_->WriteBegins();
    this->StartWrite(&message_);
  }

  bool has_ended() {
    MutexLock lock(&mutex_);
    return ended_;
  }

  // From outside, and whether the reader takes what is under way or not.
  void Cut(const absl::Status& why, bool only_when_stuck = false) {
    MutexLock lock(&mutex_);
    if (ended_ || (only_when_stuck && !writing_)) return;
    ended_ = true;
    call_->Finish(why);
    if (writing_) context_->TryCancel();
    this->Finish(ToGrpc(why));
  }

  const std::shared_ptr<AdminCall> call_;
  grpc::CallbackServerContext* const context_;  // Valid until OnDone.
  Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool last_ = false;  // Only used by whoever's turn it is: the feed's callback or gRPC's.
  Message message_;    // gRPC's while a write is under way.
  std::unique_ptr<WatchFeed> feed_;
};

class WatchStream final : public FeedStream<WatchEvent> {
 public:
  WatchStream(std::shared_ptr<AdminCall> call, AdminApi& api,
              const admin::v1::WatchRequest& request, grpc::CallbackServerContext* context)
      : FeedStream(std::move(call), context), api_(api), list_(request.list()) {}

 private:
  bool Translate(WatchEvent event, WatchEvent& ret_message) override {
    ret_message = std::move(event);
    api_.Render(list_, ret_message);
    return true;
  }

  AdminApi& api_;
  const admin::v1::ListRequest list_;
};

class RolloutStream final : public FeedStream<RolloutStatusUpdate> {
 public:
  RolloutStream(std::shared_ptr<AdminCall> call, const admin::v1::RolloutStatusRequest& request,
                grpc::CallbackServerContext* context)
      : FeedStream(std::move(call), context),
        name_(request.ref().name()),
        watch_(request.watch()),
        all_nodes_(request.all_nodes()),
        every_change_(request.every_change()) {}

 private:
  bool Translate(WatchEvent event, RolloutStatusUpdate& ret_message) override {
    switch (event.type()) {
      case WatchEvent::DELETED:
        return Fail(absl::FailedPreconditionError("object has been deleted"));
      case WatchEvent::SYNCED:
        if (!line_.empty()) return false;
        return Fail(ObjectNotFound(v1::Object::kDaemonSet, name_));
      default:
        break;
    }
    absl::StatusOr<RolloutState> state = RolloutStateOf(event.object().daemon_set(), all_nodes_);
    if (!state.ok()) return Fail(state.status());
    if (state->done || !watch_) EndAfterWrite();
    if (state->line == line_ && !every_change_) return false;
    line_ = state->line;
    ret_message.set_line(state->line);
    ret_message.set_done(state->done);
    ret_message.set_failed(state->failed);
    return true;
  }
  bool Fail(const absl::Status& why) {
    End(why);
    return false;
  }

  const std::string name_;
  const bool watch_;
  const bool all_nodes_;
  const bool every_change_;
  std::string line_;  // The last one told.
};

}  // namespace

grpc::ServerWriteReactor<WatchEvent>* NewWatchStream(std::shared_ptr<AdminCall> call, AdminApi& api,
                                                     const admin::v1::WatchRequest& request,
                                                     grpc::CallbackServerContext* context) {
  auto* stream = new WatchStream(std::move(call), api, request, context);
  stream->Begin(request, [&] { return api.Watch(request); });
  return stream;
}

grpc::ServerWriteReactor<RolloutStatusUpdate>* NewRolloutStream(
    std::shared_ptr<AdminCall> call, AdminApi& api, const admin::v1::RolloutStatusRequest& request,
    grpc::CallbackServerContext* context) {
  auto* stream = new RolloutStream(std::move(call), request, context);
  admin::v1::WatchRequest watch;
  watch.mutable_list()->set_resource("daemonsets");
  watch.mutable_list()->set_namespace_(request.ref().namespace_());
  watch.mutable_list()->set_field_selector(absl::StrCat("metadata.name=", request.ref().name()));
  stream->Begin(request, [&] { return api.Watch(watch); });
  return stream;
}

}  // namespace muster::coordinator
