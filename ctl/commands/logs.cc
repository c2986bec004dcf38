#include "ctl/commands/logs.h"

#include <chrono>
#include <memory>

#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/commands/pod_choice.h"

namespace muster::ctl {

int RunLogs(Context& context, const LogsOptions& options) {
  if (options.arguments.empty() || options.arguments.size() > 2) {
    return FailLocally(context, "expected 'logs [-f] (POD | ds/NAME) [CONTAINER]'", kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto pod = ResolvePod(context, **client, options.arguments[0]);
  if (!pod.ok()) return Fail(context, pod.status());
  admin::v1::LogsRequest request;
  request.set_namespace_(context.ns);
  request.set_pod(*pod);
  request.set_container(options.arguments.size() == 2 ? options.arguments[1] : options.container);
  request.set_follow(options.follow);
  request.set_previous(options.previous);
  request.set_timestamps(options.timestamps);
  if (options.tail_lines) request.set_tail_lines(*options.tail_lines);
  if (options.since_seconds) request.set_since_seconds(*options.since_seconds);
  if (options.limit_bytes) request.set_limit_bytes(*options.limit_bytes);
  const absl::Status status = (*client)->Logs(request, [&](const admin::v1::LogsChunk& chunk) {
    context.out << chunk.data();
    context.out.flush();
    return static_cast<bool>(context.out);
  });
  return status.ok() ? kExitDone : Fail(context, status);
}

void AddLogs(CommandLine& line) {
  struct Flags {
    LogsOptions options;
    std::string since;
    int64_t tail = -1, limit_bytes = -1;
  };
  const auto flags = std::make_shared<Flags>();
  LogsOptions& options = flags->options;
  CLI::App& app = line.Add(
      "logs", "Print the logs of a container", [flags]() -> absl::StatusOr<CommandLine::Action> {
        LogsOptions& chosen = flags->options;
        if (flags->tail >= 0) chosen.tail_lines = flags->tail;
        if (flags->limit_bytes >= 0) chosen.limit_bytes = flags->limit_bytes;
        if (!flags->since.empty()) {
          MUSTER_ASSIGN_OR_RETURN(const auto since, ParseDuration(flags->since));
          chosen.since_seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
        }
        return [flags](Context& context) { return RunLogs(context, flags->options); };
      });
  app.add_option("pod", options.arguments, "POD or ds/NAME, then a container if there are several");
  app.add_option("-c,--container", options.container, "Which container");
  app.add_flag("-f,--follow", options.follow, "Go on with what comes");
  app.add_flag("-p,--previous", options.previous, "Of the instance before this one");
  app.add_flag("--timestamps", options.timestamps, "With the time of each line");
  app.add_option("--tail", flags->tail, "Only the last so many lines");
  app.add_option("--since", flags->since, "Only what is newer than this, as 5s, 2m or 3h");
  app.add_option("--limit-bytes", flags->limit_bytes, "At most so much");
}

}  // namespace muster::ctl
