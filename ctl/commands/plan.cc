#include "ctl/commands/plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/kinds.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/files.h"

namespace muster::ctl {
namespace {

const char* OutcomeText(admin::v1::ApplyResult::Outcome outcome) {
  switch (outcome) {
    case admin::v1::ApplyResult::CREATED:
      return "would be created";
    case admin::v1::ApplyResult::CONFIGURED:
      return "would be configured";
    default:
      return "is unchanged";
  }
}

using Row = std::array<std::string, 4>;

void PrintRows(Context& context, const std::vector<Row>& rows) {
  std::array<size_t, 3> widths = {};
  for (const Row& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line = "  ";
    for (size_t i = 0; i < widths.size(); ++i) {
      absl::StrAppend(&line, row[i], std::string(widths[i] - row[i].size() + 3, ' '));
    }
    line += row[3];
    line.erase(line.find_last_not_of(' ') + 1);
    context.out << line << "\n";
  }
}

void PrintDaemonSet(Context& context, const admin::v1::PlannedDaemonSet& planned) {
  const model::Kind kind =
      planned.kind() == "DaemonJob" ? v1::Object::kDaemonJob : v1::Object::kDaemonSet;
  const std::string name = model::QualifiedName(*model::FindKind(kind), planned.name());
  context.out << name << " " << OutcomeText(planned.outcome()) << " (" << planned.pace() << ")\n";
  std::vector<Row> rows = {{"NODE", "ACTION", "POD", "WHAT"}};
  std::map<std::string, int> counts;
  for (const admin::v1::PlannedNode& node : planned.nodes()) {
    ++counts[node.action()];
    std::vector<std::string> what(node.gets().begin(), node.gets().end());
    if (what.empty()) what.push_back(node.why());
    rows.push_back({node.node(), node.action(), node.pod(), what.front()});
    for (size_t i = 1; i < what.size(); ++i) rows.push_back({"", "", "", what[i]});
  }
  if (planned.nodes().empty()) {
    context.out << "  there are no nodes\n";
    return;
  }
  PrintRows(context, rows);
  std::vector<std::string> sums;
  for (const char* action : {"create", "replace", "remove", "keep", "none"}) {
    if (counts[action] > 0) sums.push_back(absl::StrCat(action, " ", counts[action]));
  }
  context.out << "  in all: " << absl::StrJoin(sums, ", ") << "\n";
}

}  // namespace

int RunPlan(Context& context, const PlanOptions& options) {
  if (options.files.empty()) {
    return FailLocally(context, "must specify what to plan with -f FILE, -f FOLDER or -f -",
                       kExitUsage);
  }
  auto read = ReadManifests(options.files, context.in, /*strict=*/false);
  if (!read.ok()) return FailLocally(context, std::string(read.status().message()));
  for (const manifest::Diagnostic& diagnostic : read->diagnostics) {
    context.err << manifest::ToString(diagnostic) << "\n";
  }
  if (manifest::HasErrors(read->diagnostics)) return kExitError;
  admin::v1::PlanRequest request;
  bool any = false;
  for (FileObject& object : read->objects) {
    v1::Object& wanted = object.document.object;
    any |= wanted.has_daemon_set() || wanted.has_daemon_job();
    v1::ObjectMeta& meta = model::MutableMetadataOf(wanted);
    if (model::InfoOf(wanted).namespaced && meta.namespace_().empty())
      meta.set_namespace_(context.ns);
    *request.add_objects() = wanted;
  }
  if (!any) {
    return FailLocally(context, "there is no DaemonSet or DaemonJob in it to plan",
                       kExitNothingMatched);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto response = (*client)->Plan(request);
  if (!response.ok()) return Fail(context, response.status());
  for (const admin::v1::ApplyWarning& warning : response->warnings()) {
    context.err << "Warning: " << warning.path() << (warning.path().empty() ? "" : ": ")
                << warning.text() << "\n";
  }
  for (const admin::v1::PlannedDaemonSet& planned : response->daemon_sets()) {
    PrintDaemonSet(context, planned);
  }
  return kExitDone;
}

void AddPlan(CommandLine& line) {
  const auto options = std::make_shared<PlanOptions>();
  CLI::App& app = line.Add(
      "plan", "Say what each node would get from a manifest and what would be restarted",
      [options] { return [options](Context& context) { return RunPlan(context, *options); }; });
  app.add_option("-f,--filename", options->files, "File, folder or - with the manifests")
      ->allow_extra_args(false);
}

}  // namespace muster::ctl
