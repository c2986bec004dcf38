#include "ctl/commands/logs.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/macros.h"
#include "common/model/labels.h"
#include "common/model/time_text.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/container_choice.h"
#include "ctl/commands/flags.h"
#include "ctl/commands/log_merge.h"
#include "ctl/commands/log_sink.h"
#include "ctl/commands/logs_follow.h"
#include "ctl/commands/pod_choice.h"
#include "ctl/output/escape.h"

namespace muster::ctl {
namespace {

constexpr int64_t kTailOfSelected = 10;  // kubectl's, so that -l does not drown its reader.

absl::Status AddPod(const LogsOptions& options, const v1::Pod& pod, std::vector<LogSource>& sources,
                    std::string* notice) {
  const std::string& name = pod.metadata().name();
  if (!options.all_containers) {
    MUSTER_ASSIGN_OR_RETURN(const ContainerChoice choice, ChooseContainer(pod, options.container));
    if (notice != nullptr) *notice = choice.notice;
    sources.push_back({name, choice.name});
    return absl::OkStatus();
  }
  for (const auto& each : pod.spec().init_containers()) sources.push_back({name, each.name()});
  for (const auto& each : pod.spec().containers()) sources.push_back({name, each.name()});
  for (const auto& each : pod.spec().ephemeral_containers()) {
    sources.push_back({name, each.name()});
  }
  return absl::OkStatus();
}

// Empty when no pod has these labels.
absl::StatusOr<std::vector<LogSource>> ReadPods(Context& context, AdminClient& client,
                                                const LogsOptions& options,
                                                const std::string& labels) {
  admin::v1::ListRequest list;
  list.set_resource("pods");
  list.set_namespace_(context.ns);
  list.set_label_selector(labels);
  MUSTER_ASSIGN_OR_RETURN(const admin::v1::ListResponse pods, client.List(list));
  std::vector<LogSource> sources;
  for (const v1::Object& object : pods.objects()) {
    MUSTER_RETURN_IF_ERROR(AddPod(options, object.pod(), sources, nullptr));
  }
  return sources;
}

absl::StatusOr<std::vector<LogSource>> FindSources(Context& context, AdminClient& client,
                                                   const LogsOptions& options) {
  if (!options.selector.empty()) return ReadPods(context, client, options, options.selector);
  const std::string& named = options.arguments[0];
  if (options.all_pods && named.find('/') != std::string::npos) {
    MUSTER_ASSIGN_OR_RETURN(const Targets targets, ParseTargets({named}));
    const model::Kind kind = targets.list[0].kind->kind;
    if (kind == v1::Object::kDaemonSet || kind == v1::Object::kDaemonJob) {
      admin::v1::GetRequest get;
      *get.mutable_ref() = RefOf(context, targets.list[0]);
      MUSTER_ASSIGN_OR_RETURN(const admin::v1::GetResponse found, client.Get(get));
      MUSTER_ASSIGN_OR_RETURN(const std::string labels, PodLabelsOf(found.object()));
      return ReadPods(context, client, options, labels);
    }
  }
  MUSTER_ASSIGN_OR_RETURN(const v1::Pod pod, ReadPod(context, client, named));
  std::vector<LogSource> sources;
  std::string notice;
  MUSTER_RETURN_IF_ERROR(AddPod(options, pod, sources, &notice));
  if (!notice.empty()) context.err << notice << "\n";
  return sources;
}

admin::v1::LogsRequest RequestFor(const Context& context, const LogsOptions& options,
                                  const LogSource& source) {
  admin::v1::LogsRequest request;
  request.set_namespace_(context.ns);
  request.set_pod(source.pod);
  request.set_container(source.container);
  request.set_follow(options.follow);
  request.set_previous(options.previous);
  request.set_timestamps(options.timestamps);
  if (options.tail_lines) request.set_tail_lines(*options.tail_lines);
  if (!options.tail_lines && !options.selector.empty()) request.set_tail_lines(kTailOfSelected);
  if (options.since_seconds) request.set_since_seconds(*options.since_seconds);
  if (options.since_time) {
    request.set_since_unix_ns(std::max<int64_t>(0, absl::ToUnixNanos(*options.since_time)));
    // For agents that do not know the other. A second more, and the lines before it are left out
    // here: the node has its own clock.
    const absl::Duration ago = options.now - *options.since_time;
    request.set_since_seconds(std::max<int64_t>(1, absl::ToInt64Seconds(ago) + 2));
  }
  if (options.limit_bytes) request.set_limit_bytes(*options.limit_bytes);
  return request;
}

// With times, which order lines, and the limit is kept here, where they do not count.
admin::v1::LogsRequest RequestOfLines(const Context& context, const LogsOptions& options,
                                      const LogSource& source) {
  admin::v1::LogsRequest request = RequestFor(context, options, source);
  request.set_timestamps(true);
  request.clear_limit_bytes();
  return request;
}

// As it comes, line by line only where lines matter.
absl::Status PrintOne(Context& context, AdminClient& client, const LogsOptions& options,
                      const LogSource& source) {
  if (!options.prefix && !options.since_time) {
    return client.Logs(RequestFor(context, options, source),
                       [&](const admin::v1::LogsChunk& chunk) {
                         context.out << chunk.data();
                         context.out.flush();
                         return static_cast<bool>(context.out);
                       });
  }
  LogSink sink(options, source);
  LogSplitter lines([&](const LogLine& line) { context.out << sink.Text(line); });
  const absl::Status status =
      client.Logs(RequestOfLines(context, options, source), [&](const admin::v1::LogsChunk& chunk) {
        lines.Add(chunk.data());
        context.out.flush();
        return static_cast<bool>(context.out) && !sink.full();
      });
  lines.Finish();
  return status;
}

int PrintMerged(Context& context, AdminClient& client, const LogsOptions& options,
                const std::vector<LogSource>& sources) {
  int exit_code = kExitDone;
  std::vector<std::vector<LogLine>> logs(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    LogSink counted(options, sources[i]);
    LogSplitter lines([&logs, &counted, i](LogLine line) {
      if (!counted.full()) logs[i].push_back(line);
      counted.Text(line);
    });
    const absl::Status status = client.Logs(RequestOfLines(context, options, sources[i]),
                                            [&](const admin::v1::LogsChunk& chunk) {
                                              lines.Add(chunk.data());
                                              return !counted.full();
                                            });
    lines.Finish();
    // One node that is away does not hide what the others have to say.
    if (status.ok()) continue;
    const int code =
        Fail(context, absl::Status(status.code(), absl::StrCat("pod ", sources[i].pod, ": ",
                                                               std::string(status.message()))));
    if (!options.ignore_errors) exit_code = code;
  }
  std::vector<LogSink> sinks;
  for (const LogSource& source : sources) sinks.emplace_back(options, source);
  MergeLogs(logs, [&](size_t log, const LogLine& line) { context.out << sinks[log].Text(line); });
  return exit_code;
}

int FollowAll(Context& context, AdminClient& client, const LogsOptions& options,
              const std::vector<LogSource>& sources) {
  if (sources.size() > static_cast<size_t>(std::max(options.max_log_requests, 0))) {
    return FailLocally(context, absl::StrCat("you are attempting to follow ", sources.size(),
                                             " log streams, but maximum allowed concurrency is ",
                                             options.max_log_requests,
                                             ", use --max-log-requests to increase the limit"));
  }
  std::vector<admin::v1::LogsRequest> requests;
  for (const LogSource& source : sources) {
    requests.push_back(RequestOfLines(context, options, source));
  }
  return FollowLogs(context, client, options, sources, requests);
}

}  // namespace

int RunLogs(Context& context, const LogsOptions& given) {
  LogsOptions options = given;
  // A log is shown as it was written, colours and all, as kubectl does.
  const OutputMode raw(context.out, EscapingBuffer::Mode::kRaw);
  const bool selects = !options.selector.empty();
  if (options.arguments.size() > 2 || options.arguments.empty() != selects) {
    return FailLocally(context,
                       "expected 'logs [-f] (POD | ds/NAME) [CONTAINER]' or 'logs -l SELECTOR'",
                       kExitUsage);
  }
  if (options.arguments.size() == 2) options.container = options.arguments[1];
  if (options.all_containers && !options.container.empty()) {
    return FailLocally(context, "either one container or --all-containers", kExitUsage);
  }
  if (options.since_time && options.since_seconds) {
    return FailLocally(context, "either --since or --since-time", kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto sources = FindSources(context, **client, options);
  if (!sources.ok()) return Fail(context, sources.status());
  if (sources->empty()) return NothingMatched(context);
  if (sources->size() > 1 && options.follow) {
    return FollowAll(context, **client, options, *sources);
  }
  if (sources->size() > 1) return PrintMerged(context, **client, options, *sources);
  const absl::Status status = PrintOne(context, **client, options, sources->front());
  if (status.ok()) return kExitDone;
  const int code = Fail(context, status);
  return options.ignore_errors ? kExitDone : code;
}

void AddLogs(CommandLine& line) {
  struct Flags {
    LogsOptions options;
    std::string since, since_time;
    int64_t tail = -1, limit_bytes = -1;
  };
  const auto flags = std::make_shared<Flags>();
  LogsOptions& options = flags->options;
  CLI::App& app = line.Add(
      "logs", "Print the logs of containers", [flags]() -> absl::StatusOr<CommandLine::Action> {
        LogsOptions& chosen = flags->options;
        if (flags->tail >= 0) chosen.tail_lines = flags->tail;
        if (flags->limit_bytes >= 0) chosen.limit_bytes = flags->limit_bytes;
        if (!flags->since.empty()) {
          MUSTER_ASSIGN_OR_RETURN(const auto since, ParseDuration(flags->since));
          chosen.since_seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
        }
        if (!flags->since_time.empty()) {
          const auto time = model::ParseTime(flags->since_time);
          if (!time.ok()) {
            return absl::InvalidArgumentError(
                absl::StrCat("--since-time: expected a time such as 2026-01-31T09:15:00Z, found \"",
                             flags->since_time, "\""));
          }
          chosen.since_time = model::ToAbslTime(*time);
        }
        chosen.now = absl::Now();
        return [flags](Context& context) { return RunLogs(context, flags->options); };
      });
  app.add_option("pod", options.arguments, "POD or ds/NAME, then a container if there are several");
  app.add_option("-l,--selector", options.selector, "Of all pods with these labels");
  app.add_option("-c,--container", options.container, "Which container");
  app.add_flag("--all-containers", options.all_containers, "Of all containers of a pod");
  app.add_flag("--all-pods", options.all_pods,
               "Of all pods of ds/NAME, in the order of time (the default; =false: of one)");
  app.add_flag("--prefix", options.prefix, "With the pod and container before each line");
  app.add_flag("-f,--follow", options.follow, "Go on with what comes");
  app.add_flag("-p,--previous", options.previous, "Of the instance before this one");
  app.add_flag("--timestamps", options.timestamps, "With the time of each line");
  app.add_option("--tail", flags->tail, "Only the last so many lines (10 with -l)");
  app.add_option("--since", flags->since, "Only what is newer than this, as 5s, 2m or 3h");
  app.add_option("--since-time", flags->since_time, "Only from this time on (RFC 3339)");
  app.add_option("--limit-bytes", flags->limit_bytes, "At most so much of each log");
  app.add_option("--max-log-requests", options.max_log_requests,
                 "How many logs -f may follow at once (5)");
  app.add_flag("--ignore-errors", options.ignore_errors,
               "Go on when a log cannot be had, and exit with 0");
}

}  // namespace muster::ctl
