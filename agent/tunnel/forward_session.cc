#include "agent/tunnel/forward_session.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <string>

#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr size_t kReadBytes = 32 << 10;
// What waits for a pod that does not read; beyond it no more is taken from the user.
constexpr size_t kUnsentBytesMax = 128 << 10;
// How long until a peer that went away is noticed while its input is not looked at.
constexpr int kLookMs = 1'000;

absl::Status Broken() { return absl::AbortedError("the pod broke the connection off"); }

class ForwardSession {
 public:
  ForwardSession(int fd, TunnelPeer& peer) : fd_(fd), peer_(peer) {}

  absl::Status Run() {
    while (!(to_peer_ended_ && to_pod_ended_)) MUSTER_RETURN_IF_ERROR(Round());
    return absl::OkStatus();
  }

 private:
  // Waits until something can be done, and does it.
  absl::Status Round() {
    const bool take_input = input_ended_ || unsent_.size() < kUnsentBytesMax;
    // Asked anew each time, so that the peer wakes us when it can.
    const bool read_pod = !to_peer_ended_ && peer_.CanSend();
    const bool waits_for_peer = !to_peer_ended_ && !read_pod;
    short events = 0;
    if (read_pod) events |= POLLIN;
    if (!unsent_.empty()) events |= POLLOUT;
    // Without events it would still report the hang-up of a socket, again and again.
    pollfd fds[] = {{events != 0 ? fd_ : -1, events, 0},
                    {take_input ? peer_.wake_fd() : -1, POLLIN, 0},
                    {waits_for_peer ? peer_.send_fd() : -1, POLLIN, 0}};
    const int limit = take_input ? -1 : kLookMs;
    if (::poll(fds, 3, limit) < 0 && errno != EINTR) {
      return absl::ErrnoToStatus(errno, "waiting for a forwarded connection");
    }
    if (peer_.gone()) return absl::CancelledError("the user went away");
    if (take_input) TakeInput();
    MUSTER_RETURN_IF_ERROR(SendUnsent());
    if (read_pod && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) return ReadPod();
    return absl::OkStatus();
  }

  void TakeInput() {
    while (input_ended_ || unsent_.size() < kUnsentBytesMax) {
      const std::optional<TunnelInput> input = peer_.TakeInput();
      if (!input) return;
      if (input_ended_) continue;  // What comes after the end counts for nothing.
      unsent_ += input->stdin_bytes;
      input_ended_ = input->stdin_closed;
    }
  }

  absl::Status SendUnsent() {
    while (!unsent_.empty()) {
      const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        unsent_.erase(0, static_cast<size_t>(sent));
      } else if (errno == EAGAIN) {
        return absl::OkStatus();
      } else if (errno != EINTR) {
        return Broken();
      }
    }
    if (input_ended_ && !to_pod_ended_) {
      to_pod_ended_ = true;
      ::shutdown(fd_, SHUT_WR);
    }
    return absl::OkStatus();
  }

  absl::Status ReadPod() {
    buffer_.resize(kReadBytes);
    const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? absl::OkStatus() : Broken();
    bool heard = false;
    if (got == 0) {
      to_peer_ended_ = true;
      heard = peer_.SendStdoutEnd();
    } else {
      heard = peer_.SendStdout(std::string_view(buffer_).substr(0, static_cast<size_t>(got)));
    }
    return heard ? absl::OkStatus() : absl::CancelledError("the user went away");
  }

  const int fd_;
  TunnelPeer& peer_;
  std::string buffer_;
  std::string unsent_;
  bool input_ended_ = false;    // The user sends no more; some of it may be unsent.
  bool to_pod_ended_ = false;   // The pod knows that.
  bool to_peer_ended_ = false;  // The pod sends no more, and the user knows.
};

}  // namespace

absl::Status RunForward(const OwnedFd& socket, TunnelPeer& peer) {
  return ForwardSession(socket.get(), peer).Run();
}

}  // namespace muster::agent
