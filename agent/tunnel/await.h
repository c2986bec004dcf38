#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "agent/tunnel/tunnel_peer.h"
#include "common/base/macros.h"

namespace muster::agent {

// Where the answer to a call of the runtime is waited for. Shared with the callback, which may come
// after nobody waits any more.
template <typename T>
class Awaited {
 public:
  Awaited() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { MUSTER_CHECK(event_ >= 0); }
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;
  ~Awaited() { ::close(event_); }

  void Set(absl::StatusOr<T> value) {
    {
      absl::MutexLock lock(&mutex_);
      value_ = std::move(value);
    }
    const uint64_t one = 1;
    MUSTER_CHECK(::write(event_, &one, sizeof one) == sizeof one);
  }

  absl::StatusOr<T> Wait(const TunnelPeer& peer) {
    while (!peer.gone()) {
      {
        absl::MutexLock lock(&mutex_);
        if (value_) return *std::move(value_);
      }
      // The peer wakes for input too, which stays where it is; so it is looked at once a second.
      pollfd fds[] = {{event_, POLLIN, 0}};
      ::poll(fds, 1, 1'000);
    }
    return absl::CancelledError("the user went away");
  }

 private:
  const int event_;
  absl::Mutex mutex_;
  std::optional<absl::StatusOr<T>> value_ ABSL_GUARDED_BY(mutex_);
};

// Waits on the calling thread for what `start` is given a callback for; Cancelled when the peer
// goes away first.
template <typename T, typename Start>
absl::StatusOr<T> Await(const TunnelPeer& peer, Start start) {
  auto awaited = std::make_shared<Awaited<T>>();
  start([awaited](absl::StatusOr<T> value) { awaited->Set(std::move(value)); });
  return awaited->Wait(peer);
}

}  // namespace muster::agent
