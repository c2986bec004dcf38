#include "ctl/commands/ca.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

constexpr char kNext[] =
    "Nodes get certificates of the new CA by themselves, within a minute or two. When "
    "\"musterctl ca status\" names nobody any more: musterctl ca rotate --finish\n";

std::string UseOf(const admin::v1::GetCaStatusResponse::Authority& authority) {
  std::vector<std::string> uses = {"trusted"};
  if (authority.issues()) uses.emplace_back("signs");
  if (authority.serves()) uses.emplace_back("serves");
  return absl::StrJoin(uses, ",");
}

void PrintStatus(Context& context, const admin::v1::GetCaStatusResponse& status) {
  admin::v1::Table table;
  for (const char* name : {"CA", "USE", "BEGINS", "ENDS"}) table.add_columns()->set_name(name);
  for (const auto& authority : status.authorities()) {
    admin::v1::Table::Row& row = *table.add_rows();
    row.add_cells(authority.hash());
    row.add_cells(UseOf(authority));
    row.add_cells(DateText(authority.not_before_unix_seconds()));
    row.add_cells(DateText(authority.not_after_unix_seconds()));
  }
  TablePrinter({}).Print(table, context.out);
  context.out << "The coordinator's own certificate ends "
              << DateText(status.server_not_after_unix_seconds()) << "; it is renewed by itself.\n";
  if (!status.rotating()) return;
  if (status.dependents().empty()) {
    context.out << "Nobody depends on the old CA any more (" << status.nodes()
                << " nodes): musterctl ca rotate --finish\n";
    return;
  }
  context.out << status.dependents_size() << " still on the old CA (of " << status.nodes()
              << " nodes, and people):\n";
  admin::v1::Table left;
  for (const char* name : {"KIND", "NAME", "WHY"}) left.add_columns()->set_name(name);
  for (const auto& dependent : status.dependents()) {
    admin::v1::Table::Row& row = *left.add_rows();
    row.add_cells(dependent.kind());
    row.add_cells(dependent.name());
    row.add_cells(dependent.why());
  }
  TablePrinter({}).Print(left, context.out);
}

}  // namespace

int RunCaStatus(Context& context) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto status = (*client)->GetCaStatus(admin::v1::GetCaStatusRequest());
  if (!status.ok()) return Fail(context, status.status());
  PrintStatus(context, *status);
  return kExitDone;
}

int RunCaRotate(Context& context, const RotateOptions& options) {
  if (options.force && !options.finish) {
    return FailLocally(context, "--force goes with --finish", kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  admin::v1::RotateCaRequest request;
  request.set_finish(options.finish);
  request.set_force(options.force);
  const auto response = (*client)->RotateCa(request);
  if (!response.ok()) return Fail(context, response.status());
  if (options.finish) {
    context.out << (response->changed() ? "The old CA is trusted no longer.\n"
                                        : "The CA is not being replaced.\n");
    if (response->changed()) {
      context.err << "Join lines from before name the old CA: make new tokens.\n";
    }
    return kExitDone;
  }
  context.out << (response->changed() ? "A new CA signs from now on; the old one is trusted beside "
                                        "it.\n"
                                      : "The CA is being replaced already.\n");
  context.err << kNext;
  return kExitDone;
}

void AddCa(CommandLine& line) {
  CLI::App& group =
      line.Group("ca", "The authority that nodes' and people's certificates are from");
  line.Add(
      "status", "Show the CAs, and who depends on one that is being replaced",
      [] { return [](Context& context) { return RunCaStatus(context); }; }, &group);
  const auto options = std::make_shared<RotateOptions>();
  CLI::App& rotate = line.Add(
      "rotate", "Replace the CA: begin, and later --finish",
      [options] { return [options](Context& context) { return RunCaRotate(context, *options); }; },
      &group);
  rotate.add_flag("--finish", options->finish,
                  "Trust the old CA no longer; refused while somebody depends on it");
  rotate.add_flag("--force", options->force,
                  "With --finish: whoever still depends on it has to join anew");
}

}  // namespace muster::ctl
