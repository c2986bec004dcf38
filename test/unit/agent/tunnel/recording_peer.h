#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "agent/tunnel/tunnel_peer.h"
#include "common/base/macros.h"

namespace muster::agent {

// The user's end of a tunnel as a test wants it: keeps what is sent, sends what it is told to.
// Thread-safe.
class RecordingPeer final : public TunnelPeer {
 public:
  RecordingPeer()
      : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        can_send_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~RecordingPeer() override {
    ::close(wake_);
    ::close(can_send_);
  }

  // ---- For the test
  std::string out() const { return Get(out_); }
  std::string err() const { return Get(err_); }
  bool out_ended() const { return Get(out_ended_); }
  std::optional<NodeUsage> usage() const { return Get(usage_); }
  std::optional<int32_t> exit_code() const { return Get(exit_code_); }
  std::optional<absl::Status> status() const { return Get(status_); }
  // Waits until so many bytes came out. False when they do not.
  bool AwaitOut(size_t bytes) const {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return out_.size() >= bytes; };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30));
  }
  bool AwaitOutWith(const std::string& text) const {
    absl::MutexLock lock(&mutex_);
    const auto there = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return out_.find(text) != std::string::npos;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(30));
  }
  void Type(std::string bytes) { Push({.stdin_bytes = std::move(bytes)}); }
  void CloseStdin() { Push({.stdin_closed = true}); }
  void Resize(TerminalSize size) { Push({.resize = size}); }
  // The user goes away once so many bytes came out.
  void LeaveAfter(size_t bytes) { leave_after_ = bytes; }
  // The user takes no more once so many bytes came out, until Unblock.
  void BlockAfter(size_t bytes) { block_after_ = bytes; }
  // Likewise, but what has been taken is not waited for: for those who ask CanSend.
  void HoldAfter(size_t bytes) {
    absl::MutexLock lock(&mutex_);
    block_after_ = bytes;
    waits_before_ = true;
  }
  void Unblock() {
    absl::MutexLock lock(&mutex_);
    block_after_.reset();
    Wake(can_send_);
  }
  // What of the input nobody has taken yet.
  size_t input_bytes() const {
    absl::MutexLock lock(&mutex_);
    size_t bytes = 0;
    for (const TunnelInput& input : input_) bytes += input.stdin_bytes.size();
    return bytes;
  }

  // ---- TunnelPeer
  bool SendStdout(std::string_view bytes) override { return Send(&out_, bytes); }
  bool SendStderr(std::string_view bytes) override { return Send(&err_, bytes); }
  bool SendStdoutEnd() override {
    absl::MutexLock lock(&mutex_);
    out_ended_ = true;
    return !gone_;
  }
  bool SendUsage(const NodeUsage& usage) override {
    absl::MutexLock lock(&mutex_);
    usage_ = usage;
    return !gone_;
  }
  bool CanSend() override {
    absl::MutexLock lock(&mutex_);
    if (block_after_ && out_.size() >= *block_after_ && !gone_) return false;
    uint64_t count;
    if (!gone_) (void)!::read(can_send_, &count, sizeof count);
    return true;
  }
  int send_fd() const override { return can_send_; }
  void FinishExec(int32_t exit_code) override {
    absl::MutexLock lock(&mutex_);
    exit_code_ = exit_code;
  }
  void Finish(const absl::Status& status) override {
    absl::MutexLock lock(&mutex_);
    status_ = status;
  }
  std::optional<TunnelInput> TakeInput() override {
    absl::MutexLock lock(&mutex_);
    if (input_.empty()) return std::nullopt;
    TunnelInput input = std::move(input_.front());
    input_.pop_front();
    uint64_t count;
    if (input_.empty() && !gone_) (void)!::read(wake_, &count, sizeof count);
    return input;
  }
  int wake_fd() const override { return wake_; }
  bool gone() const override { return gone_; }
  void Cancel() override {
    gone_ = true;
    Unblock();
    Wake(wake_);
  }

 private:
  template <typename T>
  T Get(const T& member) const {
    absl::MutexLock lock(&mutex_);
    return member;
  }
  bool Send(std::string* to, std::string_view bytes) {
    absl::MutexLock lock(&mutex_);
    const auto may_go_on = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return !block_after_ || out_.size() < *block_after_;
    };
    if (waits_before_) mutex_.Await(absl::Condition(&may_go_on));
    if (gone_) return false;
    to->append(bytes);
    if (leave_after_ && out_.size() >= *leave_after_) {
      gone_ = true;
      Wake(wake_);
    }
    if (!waits_before_) mutex_.Await(absl::Condition(&may_go_on));
    return !gone_;
  }
  void Push(TunnelInput input) {
    absl::MutexLock lock(&mutex_);
    input_.push_back(std::move(input));
    Wake(wake_);
  }
  static void Wake(int event) {
    const uint64_t one = 1;
    MUSTER_CHECK(::write(event, &one, sizeof one) == sizeof one);
  }

  const int wake_, can_send_;
  mutable absl::Mutex mutex_;
  std::string out_, err_;
  bool out_ended_ = false;
  std::optional<NodeUsage> usage_;
  std::optional<int32_t> exit_code_;
  std::optional<absl::Status> status_;
  std::deque<TunnelInput> input_;
  std::optional<size_t> leave_after_, block_after_;
  bool waits_before_ = false;
  std::atomic<bool> gone_ = false;
};

}  // namespace muster::agent
