#include "agent/tunnel/exec_session.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/tunnel/exec_outcome.h"
#include "agent/tunnel/spdy.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

// The ids that we open our streams under; a client's are odd and grow.
constexpr uint32_t kErrorStream = 1;
constexpr uint32_t kStdinStream = 3;
constexpr uint32_t kStdoutStream = 5;
constexpr uint32_t kStderrStream = 7;
constexpr uint32_t kResizeStream = 9;

constexpr char kProtocol[] = "v4.channel.k8s.io";
constexpr size_t kAnswerBytesMax = 16 << 10;
constexpr size_t kReadBytes = 32 << 10;
// What waits for a command that does not read its stdin; beyond it no more is taken from the user.
constexpr size_t kUnsentBytesMax = 256 << 10;
constexpr std::chrono::seconds kHandshakeLimit{10};

// The connection to the streaming server.
class Socket {
 public:
  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }

  absl::Status Connect(const StreamingAddress& address) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the streaming server's address ", address.host, ":", address.port));
    }
    fd_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // On this host, so it is quick or fails.
    const int result = ::connect(fd_, found->ai_addr, found->ai_addrlen);
    const int error = errno;
    ::freeaddrinfo(found);
    if (result != 0) return absl::ErrnoToStatus(error, "connecting to the streaming server");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return absl::OkStatus();
  }

  int fd() const { return fd_; }

  // What can be sent without waiting; 0 when nothing can.
  absl::StatusOr<size_t> Send(std::string_view bytes) const {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<size_t>(sent);
    if (errno == EAGAIN || errno == EINTR) return 0;
    return absl::ErrnoToStatus(errno, "writing to the streaming server");
  }

  // nullopt: nothing now. Empty: the end.
  absl::StatusOr<std::optional<std::string>> Receive() const {
    std::string bytes(kReadBytes, '\0');
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got >= 0) {
      bytes.resize(static_cast<size_t>(got));
      return bytes;
    }
    if (errno == EAGAIN || errno == EINTR) return std::nullopt;
    // The server drops the connection once it has said all.
    if (errno == ECONNRESET) return std::string();
    return absl::ErrnoToStatus(errno, "reading from the streaming server");
  }

 private:
  int fd_ = -1;
};

std::string ResizeMessage(const TerminalSize& size) {
  return absl::StrCat("{\"Width\":", size.columns, ",\"Height\":", size.rows, "}\n");
}

// One exec over one connection, by one thread that waits for both sides at once.
class ExecSession {
  using Clock = std::chrono::steady_clock;

 public:
  ExecSession(bool with_stdin, bool tty, TunnelPeer& peer, std::chrono::milliseconds code_limit)
      : with_stdin_(with_stdin), tty_(tty), peer_(peer), code_limit_(code_limit) {
    outputs_.insert(kStdoutStream);
    if (!tty_) outputs_.insert(kStderrStream);
  }

  absl::StatusOr<int32_t> Run(const StreamingAddress& address) {
    MUSTER_RETURN_IF_ERROR(socket_.Connect(address));
    MUSTER_RETURN_IF_ERROR(Upgrade(address));
    OpenStreams();
    while (!over_) MUSTER_RETURN_IF_ERROR(Round());
    return ParseExecOutcome(outcome_);
  }

 private:
  absl::Status Upgrade(const StreamingAddress& address) {
    unsent_ =
        absl::StrCat("POST ", address.path, " HTTP/1.1\r\nHost: ", address.host, ":", address.port,
                     "\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n",
                     "X-Stream-Protocol-Version: ", kProtocol, "\r\nContent-Length: 0\r\n\r\n");
    const auto end = Clock::now() + kHandshakeLimit;
    std::string answer;
    size_t head_end = std::string::npos;
    while (head_end == std::string::npos) {
      if (Clock::now() > end || answer.size() > kAnswerBytesMax) {
        return absl::UnavailableError("the container runtime's streaming server did not answer");
      }
      MUSTER_RETURN_IF_ERROR(SendUnsent());
      pollfd fds[] = {{socket_.fd(), POLLIN, 0}, {peer_.wake_fd(), POLLIN, 0}};
      // Input that came early stays where it is, so only the socket is waited for then.
      ::poll(fds, peer_.gone() ? 2 : 1, 1'000);
      if (peer_.gone()) return absl::CancelledError("the user went away");
      MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes, socket_.Receive());
      if (!bytes) continue;
      if (bytes->empty()) {
        return absl::UnavailableError("the container runtime's streaming server hung up");
      }
      answer += *bytes;
      head_end = answer.find("\r\n\r\n");
    }
    const std::string status_line = answer.substr(0, answer.find("\r\n"));
    if (!status_line.starts_with("HTTP/1.1 101")) {
      return absl::UnavailableError(
          absl::StrCat("the container runtime's streaming server answered ", status_line, " ",
                       answer.substr(head_end + 4, 512)));
    }
    return Take(answer.substr(head_end + 4));
  }

  void OpenStreams() {
    auto open = [this, first = true](uint32_t id, const char* type) mutable {
      unsent_ += spdy::OpenStream(id, {{"streamtype", type}}, first);
      first = false;
    };
    open(kErrorStream, "error");
    if (with_stdin_) open(kStdinStream, "stdin");
    open(kStdoutStream, "stdout");
    if (!tty_) open(kStderrStream, "stderr");
    if (tty_) open(kResizeStream, "resize");
  }

  // Waits until something can be done, and does it.
  absl::Status Round() {
    if (peer_.gone()) return absl::CancelledError("the user went away");
    if (outputs_.empty() && with_stdin_ && Clock::now() >= code_until_) {
      return absl::DataLossError(
          "the command has ended its output, but the container runtime does not tell its exit "
          "code");
    }
    const bool take_input = unsent_.size() < kUnsentBytesMax;
    pollfd fds[] = {
        {socket_.fd(), static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT), 0},
        {peer_.wake_fd(), static_cast<short>(take_input ? POLLIN : 0), 0}};
    if (::poll(fds, 2, PollLimit(take_input)) < 0 && errno != EINTR) {
      return absl::ErrnoToStatus(errno, "waiting for an exec");
    }
    if (take_input) TakeInput();
    MUSTER_RETURN_IF_ERROR(SendUnsent());
    MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes, socket_.Receive());
    if (!bytes) return absl::OkStatus();
    if (bytes->empty()) {
      over_ = true;
      return absl::OkStatus();
    }
    return Take(*bytes);
  }

  // In milliseconds; -1 for as long as nothing happens.
  int PollLimit(bool take_input) const {
    // For the limit itself, or a peer that went away while its input is not looked at.
    if (outputs_.empty() && with_stdin_) return 100;
    return take_input ? -1 : 1'000;
  }

  void TakeInput() {
    while (std::optional<TunnelInput> input = peer_.TakeInput()) {
      if (input->resize && tty_) {
        unsent_ += spdy::Data(kResizeStream, ResizeMessage(*input->resize), false);
      }
      if (!with_stdin_ || stdin_closed_) continue;
      if (!input->stdin_bytes.empty()) {
        unsent_ += spdy::Data(kStdinStream, input->stdin_bytes, false);
      }
      if (input->stdin_closed) {
        stdin_closed_ = true;
        unsent_ += spdy::Data(kStdinStream, "", true);
      }
      if (unsent_.size() >= kUnsentBytesMax) return;
    }
  }

  absl::Status SendUnsent() {
    while (!unsent_.empty()) {
      absl::StatusOr<size_t> sent = socket_.Send(unsent_);
      if (!sent.ok()) {
        // The server has hung up; what it said before is still to be read.
        unsent_.clear();
        return absl::OkStatus();
      }
      if (*sent == 0) break;
      unsent_.erase(0, *sent);
    }
    return absl::OkStatus();
  }

  absl::Status Take(std::string_view bytes) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<spdy::Frame> frames, reader_.Feed(bytes));
    for (const spdy::Frame& frame : frames) {
      switch (frame.kind) {
        case spdy::Frame::Kind::kData:
          if (!TakeData(frame)) return absl::CancelledError("the user went away");
          break;
        case spdy::Frame::Kind::kPing:
          // Those of the server are even; odd ones would be answers to ours.
          if (frame.id % 2 == 0) unsent_ += spdy::Ping(frame.id);
          break;
        case spdy::Frame::Kind::kReset:
          // How a server ends the streams that it does not close one by one.
          EndOf(frame.id);
          break;
        case spdy::Frame::Kind::kGoAway:
        case spdy::Frame::Kind::kOther:
          break;
      }
    }
    return absl::OkStatus();
  }

  // False: nobody wants it.
  bool TakeData(const spdy::Frame& frame) {
    bool wanted = true;
    if (frame.bytes.empty()) {
      // Nothing but an end.
    } else if (frame.id == kStdoutStream) {
      wanted = peer_.SendStdout(frame.bytes);
    } else if (frame.id == kStderrStream) {
      wanted = peer_.SendStderr(frame.bytes);
    } else if (frame.id == kErrorStream && outcome_.size() < kAnswerBytesMax) {
      outcome_ += frame.bytes;
    }
    if (frame.last) EndOf(frame.id);
    return wanted;
  }

  void EndOf(uint32_t stream) {
    // It is the last that the server says, whenever it gets to closing the connection.
    if (stream == kErrorStream) over_ = true;
    if (outputs_.erase(stream) > 0 && outputs_.empty()) code_until_ = Clock::now() + code_limit_;
  }

  const bool with_stdin_, tty_;
  TunnelPeer& peer_;
  const std::chrono::milliseconds code_limit_;
  Socket socket_;
  spdy::FrameReader reader_;
  std::string unsent_;
  std::string outcome_;
  bool stdin_closed_ = false;
  bool over_ = false;
  std::set<uint32_t> outputs_;  // Streams that have not ended.
  Clock::time_point code_until_;
};

}  // namespace

absl::StatusOr<StreamingAddress> ParseStreamingUrl(const std::string& url) {
  constexpr std::string_view kHttp = "http://";
  if (url.starts_with("https://")) {
    return absl::UnimplementedError(
        "the container runtime's streaming server uses TLS, which is not supported: set "
        "enable_tls_streaming = false in its configuration; it listens on this host only");
  }
  const absl::Status bad =
      absl::InvalidArgumentError(absl::StrCat("not a streaming address: ", url));
  if (!url.starts_with(kHttp)) return bad;
  const size_t slash = url.find('/', kHttp.size());
  const std::string authority = url.substr(kHttp.size(), slash - kHttp.size());
  const size_t colon = authority.rfind(':');
  if (colon == std::string::npos || colon == 0 || slash == std::string::npos) return bad;
  StreamingAddress address{authority.substr(0, colon), authority.substr(colon + 1),
                           url.substr(slash)};
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

absl::StatusOr<int32_t> RunExec(const std::string& url, bool with_stdin, bool tty, TunnelPeer& peer,
                                std::chrono::milliseconds code_limit) {
  MUSTER_ASSIGN_OR_RETURN(const StreamingAddress address, ParseStreamingUrl(url));
  return ExecSession(with_stdin, tty, peer, code_limit).Run(address);
}

}  // namespace muster::agent
