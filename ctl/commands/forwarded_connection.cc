#include "ctl/commands/forwarded_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <utility>

namespace muster::ctl {
namespace {

constexpr size_t kReadBytes = 32 << 10;

// From the program to the pod, until the program has said all. False: the connection broke.
bool SendAll(int socket, AdminClient::ForwardStream& stream) {
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    admin::v1::PortForwardInput input;
    if (got == 0) {
      input.set_closed(true);
    } else {
      input.set_data(buffer.data(), static_cast<size_t>(got));
    }
    // A call that has ended says why elsewhere.
    if (!stream.Write(input) || got == 0) return true;
  }
}

bool WriteAll(int socket, const std::string& data) {
  for (size_t done = 0; done < data.size();) {
    const ssize_t sent = ::send(socket, data.data() + done, data.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) done += static_cast<size_t>(sent);
  }
  return true;
}

// Whoever reads at the other side is told that this is not all.
void ResetAtClose(int socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

absl::Status CarryConnection(int socket, AdminClient::ForwardStream& stream) {
  std::atomic<bool> program_left = false;
  std::thread sender([&] {
    if (SendAll(socket, stream)) return;
    program_left = true;
    stream.Cancel();
  });
  admin::v1::PortForwardOutput output;
  bool ended = false;  // The pod has said all.
  while (stream.Read(output)) {
    if (output.has_closed()) {
      ended = true;
      ::shutdown(socket, SHUT_WR);
    } else if (!WriteAll(socket, output.data())) {
      program_left = true;
      stream.Cancel();
      break;
    }
  }
  const bool local = program_left;
  if (!ended) ResetAtClose(socket);
  // Ends the sender, which may wait for a program that has nothing to say.
  ::shutdown(socket, SHUT_RD);
  sender.join();
  const absl::Status status = stream.Finish();
  return local ? absl::OkStatus() : status;
}

}  // namespace muster::ctl
