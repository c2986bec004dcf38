#include "ctl/commands/why.h"

#include <algorithm>
#include <memory>
#include <sstream>

#include "ctl/commands/command_line.h"

namespace muster::ctl {
namespace {

constexpr int64_t kLogLines = 5;

// The last lines of the log that tells more. Best effort: the cause stands without them.
void PrintLog(Context& context, AdminClient& client, const admin::v1::WhyAnswer& answer) {
  if (answer.log_pod().empty()) return;
  admin::v1::LogsRequest request;
  request.set_namespace_(context.ns);
  request.set_pod(answer.log_pod());
  request.set_container(answer.log_container());
  request.set_previous(answer.log_previous());
  request.set_tail_lines(kLogLines);
  std::string text;
  const absl::Status status = client.Logs(request, [&](const admin::v1::LogsChunk& chunk) {
    text += chunk.data();
    return true;
  });
  if (!status.ok() || text.empty()) return;
  context.out << "  last log lines of container " << answer.log_container() << ":\n";
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) context.out << "    " << line << "\n";
}

void PrintOne(Context& context, AdminClient& client, const admin::v1::WhyAnswer& answer) {
  context.out << answer.line() << "\n";
  for (const std::string& detail : answer.details()) context.out << "  " << detail << "\n";
  PrintLog(context, client, answer);
}

void PrintAll(Context& context, const admin::v1::WhyResponse& response) {
  size_t width = 0;
  for (const admin::v1::WhyAnswer& answer : response.answers()) {
    width = std::max(width, answer.node().size());
  }
  for (const admin::v1::WhyAnswer& answer : response.answers()) {
    context.out << answer.node() << std::string(width - answer.node().size() + 3, ' ')
                << answer.line() << "\n";
  }
}

}  // namespace

int RunWhy(Context& context, const WhyOptions& options) {
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  if (targets->list.size() != 1 || targets->list[0].name.empty()) {
    return FailLocally(context, "name one object, as in: why ds/NAME --node N, or why pod/NAME",
                       kExitUsage);
  }
  const Targets::Target& target = targets->list[0];
  const bool has_nodes =
      target.kind->kind == v1::Object::kDaemonSet || target.kind->kind == v1::Object::kDaemonJob;
  if (!has_nodes && !options.node.empty()) {
    return FailLocally(context, "--node goes with ds/NAME and dj/NAME only: a pod has one node",
                       kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  admin::v1::WhyRequest request;
  *request.mutable_ref() = RefOf(context, target);
  request.set_node(options.node);
  const auto response = (*client)->Why(request);
  if (!response.ok()) return Fail(context, response.status());
  if (response->answers().empty()) {
    context.out << "there are no nodes\n";
    return kExitNothingMatched;
  }
  if (has_nodes && options.node.empty()) {
    PrintAll(context, *response);
  } else {
    PrintOne(context, **client, response->answers(0));
  }
  return kExitDone;
}

void AddWhy(CommandLine& line) {
  const auto options = std::make_shared<WhyOptions>();
  CLI::App& app = line.Add(
      "why", "Say why a pod is where and how it is, or is not there",
      [options] { return [options](Context& context) { return RunWhy(context, *options); }; });
  app.add_option("object", options->arguments, "ds/NAME, dj/NAME or pod/NAME");
  app.add_option("--node", options->node, "Of a DaemonSet or DaemonJob: only on this node");
}

}  // namespace muster::ctl
