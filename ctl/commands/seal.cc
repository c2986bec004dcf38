#include "ctl/commands/seal.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "ctl/commands/command_line.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

std::string Counted(int count) { return absl::StrCat(count, count == 1 ? " node" : " nodes"); }

}  // namespace

int RunSealStatus(Context& context) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto status = (*client)->GetSealStatus(admin::v1::GetSealStatusRequest());
  if (!status.ok()) return Fail(context, status.status());
  admin::v1::Table table;
  for (const char* name : {"KEY", "USE", "SECRETS"}) table.add_columns()->set_name(name);
  for (const auto& key : status->keys()) {
    admin::v1::Table::Row& row = *table.add_rows();
    row.add_cells(key.id());
    row.add_cells(key.current() ? "seals" : "opens");
    row.add_cells(absl::StrCat(key.records()));
  }
  TablePrinter({}).Print(table, context.out);
  context.out << "The key is in " << status->key_from() << " of the coordinator's host.\n";
  if (status->plain() > 0) {
    Warn(context,
         absl::StrCat(status->plain(), " Secrets are not sealed; restart the coordinator"));
  }
  if (status->nodes().empty()) return kExitDone;
  admin::v1::Table nodes;
  for (const char* name : {"NODE", "KEY", "STATE"}) nodes.add_columns()->set_name(name);
  for (const auto& node : status->nodes()) {
    admin::v1::Table::Row& row = *nodes.add_rows();
    row.add_cells(node.name());
    row.add_cells(node.key_id().empty() ? "<unknown>" : node.key_id());
    row.add_cells(!node.problem().empty() ? node.problem()
                  : node.replacing()      ? "being replaced"
                  : node.key_id().empty() ? "has not said"
                                          : "in use");
  }
  context.out << "\n";
  TablePrinter({}).Print(nodes, context.out);
  return kExitDone;
}

int RunSealRotate(Context& context, const SealNodes& nodes) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  admin::v1::RotateSealRequest request;
  request.set_all_nodes(nodes.all);
  request.mutable_nodes()->Add(nodes.names.begin(), nodes.names.end());
  const auto rotated = (*client)->RotateSeal(request);
  if (!rotated.ok()) return Fail(context, rotated.status());
  if (nodes.all || !nodes.names.empty()) {
    context.out << Counted(rotated->nodes_asked_size())
                << " asked for a new key; \"musterctl seal status\" shows who has it\n";
    for (const std::string& name : rotated->nodes_passed_over()) {
      Warn(context, absl::StrCat("node ", name,
                                 " has not said with which key it seals: its agent is too old, or "
                                 "has not connected yet"));
    }
    return kExitDone;
  }
  context.out << rotated->resealed() << (rotated->resealed() == 1 ? " Secret is" : " Secrets are")
              << " sealed with key " << rotated->key_id() << " now\n";
  return kExitDone;
}

void AddSeal(CommandLine& line) {
  CLI::App& group = line.Group("seal", "The keys that Secrets are sealed with at rest");
  line.Add(
      "status", "Show the keys, and how many Secrets are sealed with each",
      [] { return [](Context& context) { return RunSealStatus(context); }; }, &group);
  const auto nodes = std::make_shared<SealNodes>();
  CLI::App& rotate = line.Add(
      "rotate", "Make a new key and seal every Secret with it: in the store, or on nodes",
      [nodes] { return [nodes](Context& context) { return RunSealRotate(context, *nodes); }; },
      &group);
  rotate.add_flag("--nodes", nodes->all, "Every node's own key, instead of the store's");
  rotate.add_option("--node", nodes->names, "This node's; may be repeated")
      ->option_text("NAME")
      ->allow_extra_args(false);
  rotate.footer("A node that is off does it when it comes back.");
}

}  // namespace muster::ctl
