#include "ctl/commands/drain.h"

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "ctl/commands/await.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/edit.h"
#include "ctl/commands/flags.h"

namespace muster::ctl {
namespace {

absl::StatusOr<std::vector<v1::Object>> ListEverywhere(AdminClient& client,
                                                       const std::string& resource,
                                                       const std::string& labels,
                                                       const std::string& fields) {
  admin::v1::ListRequest request;
  request.set_resource(resource);
  request.set_all_namespaces(true);
  request.set_label_selector(labels);
  request.set_field_selector(fields);
  MUSTER_ASSIGN_OR_RETURN(admin::v1::ListResponse list, client.List(request));
  return std::vector<v1::Object>(std::make_move_iterator(list.mutable_objects()->begin()),
                                 std::make_move_iterator(list.mutable_objects()->end()));
}

admin::v1::ObjectRef RefToPod(const v1::Pod& pod) {
  admin::v1::ObjectRef ref;
  ref.set_resource("pods");
  ref.set_namespace_(pod.metadata().namespace_());
  ref.set_name(pod.metadata().name());
  return ref;
}

// Tells all pods to go, then waits for them.
absl::Status Evict(Context& context, AdminClient& client, const DrainOptions& options,
                   const std::string& node, const std::vector<const v1::Pod*>& pods) {
  const char* suffix = DryRunSuffix(options.dry_run);
  for (const v1::Pod* pod : pods) {
    context.out << "evicting pod " << pod->metadata().namespace_() << "/" << pod->metadata().name()
                << suffix << "\n";
    context.out.flush();
    if (options.dry_run == DryRun::kClient) continue;
    admin::v1::DeleteRequest request;
    *request.mutable_ref() = RefToPod(*pod);
    request.set_uid(pod->metadata().uid());
    request.set_dry_run(options.dry_run == DryRun::kServer);
    if (options.grace_period_seconds) {
      request.set_grace_period_seconds(*options.grace_period_seconds);
    }
    const absl::Status status = client.Delete(request).status();
    if (!status.ok() && status.code() != absl::StatusCode::kNotFound) return status;
  }
  if (options.dry_run != DryRun::kNone) return absl::OkStatus();
  const Deadline deadline(options.timeout);
  for (const v1::Pod* pod : pods) {
    const absl::Status status = AwaitGone(client, RefToPod(*pod), pod->metadata().uid(), deadline);
    if (status.code() == absl::StatusCode::kDeadlineExceeded) {
      return absl::DeadlineExceededError(absl::StrCat(
          "error when waiting for pod \"", pod->metadata().name(), "\" in namespace \"",
          pod->metadata().namespace_(), "\" to terminate: global timeout reached: ",
          absl::FormatDuration(absl::FromChrono(*options.timeout)), "; ", node,
          " stays cordoned, drain it again to wait on"));
    }
    MUSTER_RETURN_IF_ERROR(status);
    context.out << "pod/" << pod->metadata().name() << " evicted\n";
    context.out.flush();
  }
  return absl::OkStatus();
}

int DrainOne(Context& context, AdminClient& client, const DrainOptions& options,
             const std::string& node) {
  EditOptions cordon;
  cordon.arguments = {node};
  cordon.dry_run = options.dry_run;
  if (const int exit_code = RunCordon(context, cordon, true); exit_code != kExitDone) {
    return exit_code;
  }
  const auto objects =
      ListEverywhere(client, "pods", options.pod_selector, absl::StrCat("spec.nodeName=", node));
  if (!objects.ok()) return Fail(context, objects.status());
  std::set<std::string> uids;
  for (const char* kind : {"daemonsets", "daemonjobs"}) {
    const auto owners = ListEverywhere(client, kind, "", "");
    if (!owners.ok()) return Fail(context, owners.status());
    for (const v1::Object& object : *owners) uids.insert(model::MetadataOf(object).uid());
  }
  std::vector<const v1::Pod*> pods;
  for (const v1::Object& object : *objects) pods.push_back(&object.pod());
  const DrainPlan plan = PlanDrain(pods, uids, options.rules);
  if (!plan.refusals.empty()) {
    return FailLocally(context, absl::StrCat("unable to drain node \"", node,
                                             "\": ", absl::StrJoin(plan.refusals, "; ")));
  }
  if (!plan.warning.empty()) Warn(context, plan.warning);
  const absl::Status status = Evict(context, client, options, node, plan.evict);
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    return FailLocally(context, std::string(status.message()), kExitTimedOut);
  }
  if (!status.ok()) return Fail(context, status);
  context.out << "node/" << node << " drained" << DryRunSuffix(options.dry_run) << "\n";
  context.out.flush();
  return kExitDone;
}

}  // namespace

int RunDrain(Context& context, const DrainOptions& options) {
  std::vector<std::string> arguments = {"nodes"};
  arguments.insert(arguments.end(), options.nodes.begin(), options.nodes.end());
  const auto targets = ParseTargets(arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  Selection selection;
  selection.selector = options.selector;
  if (const absl::Status status = CheckSelection(*targets, selection); !status.ok()) {
    return FailLocally(context, "name the nodes to drain, or select them with -l", kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto nodes = ReadObjects(context, **client, *targets, selection);
  if (!nodes.ok()) return Fail(context, nodes.status());
  if (nodes->empty()) return NothingMatched(context);
  int exit_code = kExitDone;
  std::vector<std::string> pending;
  for (const v1::Object& node : *nodes) {
    const std::string& name = model::MetadataOf(node).name();
    const int result = DrainOne(context, **client, options, name);
    if (result == kExitDone) continue;
    exit_code = result;
    pending.push_back(name);
  }
  if (!pending.empty()) {
    context.err << "There are pending nodes to be drained:\n";
    for (const std::string& name : pending) context.err << " " << name << "\n";
  }
  return exit_code;
}

void AddDrain(CommandLine& line) {
  struct Flags {
    DrainOptions options;
    std::string dry_run, timeout;
    int64_t grace = -1;
  };
  const auto flags = std::make_shared<Flags>();
  DrainOptions& options = flags->options;
  CLI::App& app =
      line.Add("drain", "Cordon nodes and end the pods on them",
               [flags]() -> absl::StatusOr<CommandLine::Action> {
                 DrainOptions& chosen = flags->options;
                 MUSTER_ASSIGN_OR_RETURN(chosen.dry_run, ParseDryRun(flags->dry_run));
                 MUSTER_ASSIGN_OR_RETURN(chosen.timeout, ParseTimeout(flags->timeout));
                 if (flags->grace >= 0) chosen.grace_period_seconds = flags->grace;
                 return [flags](Context& context) { return RunDrain(context, flags->options); };
               });
  app.add_option("node", options.nodes, "NAME...");
  app.add_option("-l,--selector", options.selector, "All nodes with these labels");
  app.add_option("--pod-selector", options.pod_selector, "Only the pods with these labels");
  app.add_flag("--ignore-daemonsets", options.rules.ignore_daemonsets,
               "Leave the pods of DaemonSets, which would come back");
  app.add_flag("--delete-emptydir-data", options.rules.delete_emptydir_data,
               "Also end pods whose emptyDir is lost with them");
  app.add_flag("--force", options.rules.force, "Also end pods that nobody would make again");
  app.add_option("--grace-period", flags->grace, "Seconds a pod has to end by itself");
  app.add_option("--timeout", flags->timeout, "How long for each node; 0 (default) for ever");
  app.add_flag(kDryRunFlag, flags->dry_run, kDryRunHelp);
}

}  // namespace muster::ctl
