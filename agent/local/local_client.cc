#include "agent/local/local_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

absl::Status NoAgent(const std::string& socket_path) {
  return absl::UnavailableError(
      absl::StrCat("no agent is running on this host: nothing answers at ", socket_path,
                   "; 'systemctl status muster-agent' says why"));
}

absl::Status ConnectError(int error, const std::string& socket_path) {
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) return NoAgent(socket_path);
  if (error == EACCES || error == EPERM) {
    return absl::PermissionDeniedError(
        absl::StrCat(socket_path, ": only root and the members of group muster may ask the agent"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot connect to ", socket_path));
}

absl::Status TalkError(int error, const std::string& socket_path) {
  if (error == EAGAIN || error == EWOULDBLOCK) {
    return absl::DeadlineExceededError(
        absl::StrCat("the agent at ", socket_path, " does not answer in time"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot talk to the agent at ", socket_path));
}

absl::StatusOr<std::string> BodyOf(const std::string& answer, const std::string& socket_path) {
  const size_t end = answer.find("\r\n\r\n");
  int status = 0;
  if (end == std::string::npos || !answer.starts_with("HTTP/1.1 ") ||
      !absl::SimpleAtoi(answer.substr(9, 3), &status)) {
    // It hung up on us: our credentials are looked at even where the file would let us in.
    if (answer.empty()) return ConnectError(EACCES, socket_path);
    return absl::DataLossError(absl::StrCat("the answer at ", socket_path, " is cut off"));
  }
  std::string body = answer.substr(end + 4);
  if (status == 200) return body;
  while (body.ends_with('\n')) body.pop_back();
  return absl::UnknownError(absl::StrCat("the agent answers ", status, ": ", body));
}

}  // namespace

std::string AgentSocketPath(const std::string& run_dir) {
  return absl::StrCat(run_dir, "/agent.sock");
}

absl::StatusOr<std::string> AskAgent(const std::string& socket_path, const std::string& path,
                                     std::chrono::seconds patience) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat(socket_path, " is too long for a socket"));
  }
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make a socket");
  const absl::Cleanup close = [fd] { ::close(fd); };
  const timeval limit = {.tv_sec = patience.count(), .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return ConnectError(errno, socket_path);
  }
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  // It fits into the socket's buffer as a whole.
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    if (errno == EPIPE) return ConnectError(EACCES, socket_path);
    return TalkError(errno, socket_path);
  }
  std::string answer;
  char buffer[16 << 10];
  while (true) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count == 0) return BodyOf(answer, socket_path);
    if (count > 0) {
      answer.append(buffer, static_cast<size_t>(count));
    } else if (errno == ECONNRESET && answer.empty()) {
      return ConnectError(EACCES, socket_path);
    } else if (errno != EINTR) {
      return TalkError(errno, socket_path);
    }
  }
}

}  // namespace muster::agent
