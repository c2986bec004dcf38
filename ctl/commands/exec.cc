#include "ctl/commands/exec.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <thread>

#include "ctl/commands/command_line.h"
#include "ctl/commands/pod_choice.h"

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

int Converse(Context& context, const ExecOptions& options, AdminClient::ExecStream& stream) {
  const bool tty = options.tty && ::isatty(STDIN_FILENO) != 0;
  // Taken by the pump's signalfd instead of interrupting anything.
  sigset_t resize_signal;
  sigemptyset(&resize_signal);
  sigaddset(&resize_signal, SIGWINCH);
  ::pthread_sigmask(SIG_BLOCK, &resize_signal, nullptr);
  const int resized = ::signalfd(-1, &resize_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  int exit_code = kExitError;
  bool finished = false;
  bool output_broken = false;
  {
    const RawTerminal raw(tty && options.stdin);
    if (tty) SendSize(stream);
    std::thread pump(PumpInput, std::ref(stream), options.stdin, resized, stop);
    admin::v1::ExecOutput output;
    while (stream.Read(output)) {
      if (output.has_exit_code()) {
        exit_code = output.exit_code();
        finished = true;
        break;
      }
      const bool written = output.has_stderr() ? WriteAll(STDERR_FILENO, output.stderr())
                                               : WriteAll(STDOUT_FILENO, output.stdout());
      if (!written) {
        output_broken = true;
        break;
      }
    }
    const uint64_t one = 1;
    if (::write(stop, &one, sizeof one) != sizeof one) stream.Cancel();
    pump.join();
  }
  ::close(resized);
  ::close(stop);
  if (finished) {
    stream.Cancel();
    stream.Finish().IgnoreError();
    if (exit_code != 0) {
      context.err << "command terminated with exit code " << exit_code << "\n";
    }
    return exit_code;
  }
  if (output_broken) {
    stream.Cancel();
    stream.Finish().IgnoreError();
    return kExitError;
  }
  const absl::Status status = stream.Finish();
  return status.ok() ? FailLocally(context, "the command's exit code did not arrive")
                     : Fail(context, status);
}

}  // namespace

int RunExec(Context& context, const ExecOptions& options) {
  if (options.command.empty()) {
    return FailLocally(context, "you must specify at least one command for the container",
                       kExitUsage);
  }
  if (options.tty && options.stdin && ::isatty(STDIN_FILENO) == 0) {
    context.err << "Unable to use a TTY - input is not a terminal or the right kind of file\n";
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto pod = ResolvePod(context, **client, options.pod);
  if (!pod.ok()) return Fail(context, pod.status());
  std::unique_ptr<AdminClient::ExecStream> stream = (*client)->Exec();
  admin::v1::ExecInput first;
  admin::v1::ExecStart& start = *first.mutable_start();
  start.set_namespace_(context.ns);
  start.set_pod(*pod);
  start.set_container(options.container);
  for (const std::string& part : options.command) start.add_command(part);
  start.set_stdin(options.stdin);
  start.set_tty(options.tty && (!options.stdin || ::isatty(STDIN_FILENO) != 0));
  // A failed write shows its reason in Finish.
  stream->Write(first);
  return Converse(context, options, *stream);
}

void AddExec(CommandLine& line) {
  const auto options = std::make_shared<ExecOptions>();
  CLI::App& app = line.Add("exec", "Run a command in a container", [options] {
    return [options](Context& context) { return RunExec(context, *options); };
  });
  app.add_option("pod", options->pod, "POD or ds/NAME")->required();
  app.add_option("command", options->command, "The command, after --");
  app.add_option("-c,--container", options->container, "Which container");
  app.add_flag("-i,--stdin", options->stdin, "Pass standard input on");
  app.add_flag("-t,--tty", options->tty, "Standard input is a terminal");
}

}  // namespace muster::ctl
