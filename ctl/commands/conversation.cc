#include "ctl/commands/conversation.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <thread>

namespace muster::ctl {
namespace {

// The terminal passes every key on as it is, and is put back whatever happens.
class RawTerminal {
 public:
  explicit RawTerminal(bool wanted) {
    if (!wanted || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  ~RawTerminal() {
    if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_ = {};
  bool active_ = false;
};

bool WriteAll(int fd, const std::string& data) {
  for (size_t done = 0; done < data.size();) {
    const ssize_t written = ::write(fd, data.data() + done, data.size() - done);
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) done += static_cast<size_t>(written);
  }
  return true;
}

void SendSize(AdminClient::ExecStream& stream) {
  winsize size = {};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0) return;
  admin::v1::ExecInput input;
  input.mutable_resize()->set_columns(size.ws_col);
  input.mutable_resize()->set_rows(size.ws_row);
  stream.Write(input);
}

// Passes on what is typed and how large the terminal is, until `stop` becomes readable.
void PumpInput(AdminClient::ExecStream& stream, bool stdin_wanted, int resized, int stop) {
  bool open = stdin_wanted;
  for (;;) {
    pollfd waits[] = {
        {stop, POLLIN, 0}, {resized, POLLIN, 0}, {open ? STDIN_FILENO : -1, POLLIN, 0}};
    if (::poll(waits, 3, -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    if (waits[1].revents != 0) {
      signalfd_siginfo info;
      if (::read(resized, &info, sizeof info) == sizeof info) SendSize(stream);
    }
    if (waits[2].revents == 0) continue;
    char buffer[16384];
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    admin::v1::ExecInput input;
    if (got > 0) {
      input.set_stdin(std::string(buffer, static_cast<size_t>(got)));
    } else {
      input.set_stdin_closed(true);
      open = false;
    }
    if (!stream.Write(input)) return;
  }
}

sigset_t ResizeSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGWINCH);
  return signals;
}

}  // namespace

void HoldResizeSignal() {
  const sigset_t signals = ResizeSignal();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

absl::StatusOr<int> Converse(const Conversation& conversation, AdminClient::ExecStream& stream) {
  HoldResizeSignal();
  const sigset_t signals = ResizeSignal();
  const int resized = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  std::optional<int> exit_code;
  bool output_broken = false;
  {
    const RawTerminal raw(conversation.tty && conversation.stdin);
    if (conversation.tty) SendSize(stream);
    std::thread pump(PumpInput, std::ref(stream), conversation.stdin, resized, stop);
    admin::v1::ExecOutput output;
    while (!exit_code && !output_broken && stream.Read(output)) {
      if (output.has_exit_code()) {
        exit_code = output.exit_code();
      } else {
        output_broken = !(output.has_stderr() ? WriteAll(STDERR_FILENO, output.stderr())
                                              : WriteAll(STDOUT_FILENO, output.stdout()));
      }
    }
    if (exit_code || output_broken) stream.Cancel();
    const uint64_t one = 1;
    if (::write(stop, &one, sizeof one) != sizeof one) stream.Cancel();
    pump.join();
  }
  ::close(resized);
  ::close(stop);
  const absl::Status status = stream.Finish();
  if (exit_code) return *exit_code;
  if (output_broken) return absl::CancelledError("nobody reads the output");
  if (!status.ok()) return status;
  return absl::DataLossError("the command's exit code did not arrive");
}

}  // namespace muster::ctl
