#include "ctl/commands/rollout.h"

#include <unistd.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/commands/steer.h"
#include "ctl/output/live_region.h"

namespace muster::ctl {
namespace {

// A screen is not a place for a thousand nodes.
constexpr size_t kLiveNodesMax = 20;

using Nodes = admin::v1::RolloutNodesResponse;

std::string Line(const Nodes::Node& node) {
  return absl::StrCat(node.name(), ": ", node.stage(), ": ", node.why());
}

// Shows how far a rollout is as it goes on. One use per command.
class StatusView {
 public:
  StatusView(Context& context, const RolloutStatusOptions& options)
      : context_(context), live_(options.live), region_(context.out) {}

  // `nodes` is null when nobody asked for them.
  void Show(const admin::v1::RolloutStatusUpdate& update, const Nodes* nodes) {
    failed_ = update.failed();
    if (nodes != nullptr && live_) {
      Draw(*nodes, update);
      return;
    }
    if (nodes != nullptr) TellChanges(*nodes);
    if (update.line() == line_) return;
    line_ = update.line();
    if (failed_) {
      FailLocally(context_, line_);
    } else {
      context_.out << line_ << "\n";
      context_.out.flush();
    }
  }
  bool failed() const { return failed_; }

 private:
  void TellChanges(const Nodes& nodes) {
    std::map<std::string, std::string> now;
    for (const Nodes::Node& node : nodes.nodes()) {
      // A place in line changes all the time; that a node waits does not.
      now[node.name()] = node.stage() == "waiting" ? node.stage() : Line(node);
      if (told_[node.name()] != now[node.name()]) context_.out << Line(node) << "\n";
    }
    for (const auto& [name, line] : told_) {
      if (!line.empty() && !now.contains(name)) context_.out << name << ": gone\n";
    }
    context_.out.flush();
    told_ = std::move(now);
  }

  void Draw(const Nodes& nodes, const admin::v1::RolloutStatusUpdate& update) {
    std::map<std::string, int> others;
    std::vector<std::string> lines;
    for (const Nodes::Node& node : nodes.nodes()) {
      if (node.stage() == "done" || lines.size() >= kLiveNodesMax) {
        ++others[node.stage()];
      } else {
        lines.push_back(absl::StrCat("  ", Line(node)));
      }
    }
    for (const auto& [stage, count] : others)
      lines.push_back(absl::StrCat("  ", count, " ", stage));
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(update.line(), '\n'))) {
      lines.push_back(line);
    }
    region_.Draw(lines);
  }

  Context& context_;
  const bool live_;
  LiveRegion region_;
  std::string line_;
  std::map<std::string, std::string> told_;
  bool failed_ = false;
};

}  // namespace

int RunRolloutStatus(Context& context, const RolloutStatusOptions& options) {
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  if (targets->list.size() != 1 || targets->list[0].name.empty()) {
    return FailLocally(context, "name one DaemonSet, as in: rollout status ds/NAME", kExitUsage);
  }
  if (targets->list[0].kind->kind != v1::Object::kDaemonSet) {
    return FailLocally(context, absl::StrCat("no status viewer has been implemented for ",
                                             std::string(targets->list[0].kind->plural)));
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  return FollowRollout(context, **client, RefOf(context, targets->list[0]), options);
}

int FollowRollout(Context& context, AdminClient& client, const admin::v1::ObjectRef& ref,
                  const RolloutStatusOptions& options) {
  admin::v1::RolloutStatusRequest request;
  *request.mutable_ref() = ref;
  request.set_watch(options.watch);
  request.set_all_nodes(options.all_nodes);
  request.set_every_change(options.nodes);
  StatusView view(context, options);
  absl::Status nodes_status;
  const absl::Status status = client.RolloutStatus(
      request, options.timeout, [&](const admin::v1::RolloutStatusUpdate& update) {
        if (!options.nodes) {
          view.Show(update, nullptr);
          return true;
        }
        admin::v1::RolloutNodesRequest about;
        *about.mutable_ref() = request.ref();
        const auto nodes = client.RolloutNodes(about);
        nodes_status = nodes.status();
        if (nodes.ok()) view.Show(update, &*nodes);
        return nodes.ok();
      });
  if (!nodes_status.ok()) return Fail(context, nodes_status);
  if (status.ok()) return view.failed() ? kExitRolloutFailed : kExitDone;
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    return FailLocally(context, "timed out waiting for the condition", kExitTimedOut);
  }
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    return FailLocally(context, std::string(status.message()));
  }
  return Fail(context, status);
}

void AddRollout(CommandLine& line) {
  CLI::App& group = line.Group("rollout", "Look after the rollout of a DaemonSet");
  const auto options = std::make_shared<RolloutStatusOptions>();
  const auto timeout = std::make_shared<std::string>();
  CLI::App& app = line.Add(
      "status", "Show how far the rollout is",
      [options, timeout]() -> absl::StatusOr<CommandLine::Action> {
        MUSTER_ASSIGN_OR_RETURN(options->timeout, ParseTimeout(*timeout));
        options->live = ::isatty(STDOUT_FILENO) != 0;
        return [options](Context& context) { return RunRolloutStatus(context, *options); };
      },
      &group);
  app.add_option("resource", options->arguments, "ds/NAME or ds NAME");
  app.add_flag("-w,--watch", options->watch, "Follow it to its end (default true)");
  app.add_flag("--nodes", options->nodes, "Tell where each node stands, and why");
  app.add_flag("--all-nodes", options->all_nodes, "Wait also for nodes that cannot be reached now");
  app.add_option("--timeout", *timeout, "How long to follow it; 0 for ever");
  AddSteering(line);
}

}  // namespace muster::ctl
