#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/tunnel/usage.h"

namespace muster::agent {

struct TerminalSize {
  uint32_t columns = 0, rows = 0;
};

// What the user's end sends during an exec, an attach or on a forwarded connection.
struct TunnelInput {
  std::string stdin_bytes;
  bool stdin_closed = false;
  std::optional<TerminalSize> resize;
};

// The user's end of one request, as the worker that serves it sees it.
//
// One worker thread uses it, but Cancel is for any thread. Destruction ends the tunnel.
class TunnelPeer {
 public:
  virtual ~TunnelPeer() = default;

  // Wait while the other end is slow. False: it is gone, so there is nobody to go on for.
  virtual bool SendStdout(std::string_view bytes) = 0;
  virtual bool SendStderr(std::string_view bytes) = 0;
  // No more of it comes; input may. Only on a forwarded connection, where the two ends are apart.
  virtual bool SendStdoutEnd() = 0;
  // The one answer to a question for usage.
  virtual bool SendUsage(const NodeUsage& usage) = 0;
  // Whether a send would not wait. After it said no, send_fd becomes readable once it would say
  // yes, or the other end is gone.
  virtual bool CanSend() = 0;
  virtual int send_fd() const = 0;
  // The last word, once: the exit code of an exec, the end of a log (OK), or what went wrong.
  virtual void FinishExec(int32_t exit_code) = 0;
  virtual void Finish(const absl::Status& status) = 0;

  // What came in, in order; nullopt when there is nothing (more) now. Never waits.
  virtual std::optional<TunnelInput> TakeInput() = 0;
  // Readable while there is input or the other end is gone; for poll.
  virtual int wake_fd() const = 0;
  virtual bool gone() const = 0;

  virtual void Cancel() = 0;
};

// Opens the agent's end of tunnels that the coordinator asked for. Thread-safe; nothing waits.
class TunnelDialer {
 public:
  virtual ~TunnelDialer() = default;
  // nullptr when there is no connection to the coordinator.
  virtual std::unique_ptr<TunnelPeer> Dial(const std::string& tunnel_id) = 0;
  // Tells the user why it cannot be served.
  virtual void Refuse(const std::string& tunnel_id, const absl::Status& why) = 0;
};

}  // namespace muster::agent
