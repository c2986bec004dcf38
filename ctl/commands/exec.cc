#include "ctl/commands/exec.h"

#include <unistd.h>

#include <memory>

#include "ctl/commands/command_line.h"
#include "ctl/commands/container_choice.h"
#include "ctl/commands/conversation.h"
#include "ctl/commands/pod_choice.h"

namespace muster::ctl {
namespace {

// What went wrong with the call, or with what came back of it.
int FailConversation(Context& context, const absl::Status& status) {
  if (absl::IsCancelled(status)) return kExitError;  // Nobody would read it.
  if (absl::IsDataLoss(status)) return FailLocally(context, std::string(status.message()));
  return Fail(context, status);
}

bool StdinIsTerminal() { return ::isatty(STDIN_FILENO) != 0; }

// Says so when a terminal was asked for and there is none at this end.
void WarnWithoutTerminal(Context& context, bool tty, bool stdin) {
  if (!tty || !stdin || StdinIsTerminal()) return;
  context.err << "Unable to use a TTY - input is not a terminal or the right kind of file\n";
}

// The container that is meant, told of as kubectl does.
absl::StatusOr<ContainerChoice> Choose(Context& context, const v1::Pod& pod,
                                       const std::string& asked, bool quiet) {
  absl::StatusOr<ContainerChoice> choice = ChooseContainer(pod, asked);
  if (choice.ok() && !choice->notice.empty() && !quiet) context.err << choice->notice << "\n";
  return choice;
}

}  // namespace

int RunExec(Context& context, const ExecOptions& options) {
  if (options.command.empty()) {
    return FailLocally(context, "you must specify at least one command for the container",
                       kExitUsage);
  }
  HoldResizeSignal();
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto pod = ReadPod(context, **client, options.pod);
  if (!pod.ok()) return Fail(context, pod.status());
  const auto container = Choose(context, *pod, options.container, options.quiet);
  if (!container.ok()) return Fail(context, container.status());
  WarnWithoutTerminal(context, options.tty, options.stdin);
  std::unique_ptr<AdminClient::ExecStream> stream = (*client)->Exec();
  admin::v1::ExecInput first;
  admin::v1::ExecStart& start = *first.mutable_start();
  start.set_namespace_(context.ns);
  start.set_pod(pod->metadata().name());
  start.set_container(container->name);
  for (const std::string& part : options.command) start.add_command(part);
  start.set_stdin(options.stdin);
  start.set_tty(options.tty && (!options.stdin || StdinIsTerminal()));
  // A failed write shows its reason in Finish.
  stream->Write(first);
  const absl::StatusOr<int> code =
      Converse({options.stdin, options.tty && StdinIsTerminal()}, *stream);
  if (!code.ok()) return FailConversation(context, code.status());
  if (*code != 0) context.err << "command terminated with exit code " << *code << "\n";
  return *code;
}

int RunAttach(Context& context, const AttachOptions& options) {
  HoldResizeSignal();
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto pod = ReadPod(context, **client, options.pod);
  if (!pod.ok()) return Fail(context, pod.status());
  const auto container = Choose(context, *pod, options.container, options.quiet);
  if (!container.ok()) return Fail(context, container.status());
  bool tty = options.tty;
  if (tty && !container->tty) {
    tty = false;
    context.err << "error: Unable to use a TTY - container " << container->name
                << " did not allocate one\n";
  }
  WarnWithoutTerminal(context, tty, options.stdin);
  const bool raw = tty && StdinIsTerminal();
  if (raw && options.stdin && !options.quiet) {
    context.err << "If you don't see a command prompt, try pressing enter.\n";
  }
  std::unique_ptr<AdminClient::ExecStream> stream = (*client)->Attach();
  admin::v1::ExecInput first;
  admin::v1::ExecStart& start = *first.mutable_start();
  start.set_namespace_(context.ns);
  start.set_pod(pod->metadata().name());
  start.set_container(container->name);
  start.set_stdin(options.stdin);
  // The streams of a container with a terminal are those of the terminal, whoever looks at them.
  start.set_tty(container->tty);
  stream->Write(first);
  const absl::StatusOr<int> code = Converse({options.stdin, raw}, *stream);
  return code.ok() ? *code : FailConversation(context, code.status());
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
  app.add_flag("-q,--quiet", options->quiet, "Say nothing but what the command says");
}

void AddAttach(CommandLine& line) {
  const auto options = std::make_shared<AttachOptions>();
  CLI::App& app = line.Add("attach", "Join the process that a container runs", [options] {
    return [options](Context& context) { return RunAttach(context, *options); };
  });
  app.add_option("pod", options->pod, "POD or ds/NAME")->required();
  app.add_option("-c,--container", options->container, "Which container");
  app.add_flag("-i,--stdin", options->stdin, "Pass standard input on");
  app.add_flag("-t,--tty", options->tty, "Standard input is a terminal");
  app.add_flag("-q,--quiet", options->quiet, "Say nothing but what the process says");
}

}  // namespace muster::ctl
