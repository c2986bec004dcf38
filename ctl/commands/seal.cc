#include "ctl/commands/seal.h"

#include "absl/strings/str_cat.h"
#include "ctl/commands/command_line.h"
#include "ctl/output/table.h"

namespace muster::ctl {

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
  return kExitDone;
}

int RunSealRotate(Context& context) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto rotated = (*client)->RotateSeal(admin::v1::RotateSealRequest());
  if (!rotated.ok()) return Fail(context, rotated.status());
  context.out << rotated->resealed() << (rotated->resealed() == 1 ? " Secret is" : " Secrets are")
              << " sealed with key " << rotated->key_id() << " now\n";
  return kExitDone;
}

void AddSeal(CommandLine& line) {
  CLI::App& group = line.Group("seal", "The key that Secrets are sealed with in the store");
  line.Add(
      "status", "Show the keys, and how many Secrets are sealed with each",
      [] { return [](Context& context) { return RunSealStatus(context); }; }, &group);
  line.Add(
      "rotate", "Make a new key and seal every Secret with it",
      [] { return [](Context& context) { return RunSealRotate(context); }; }, &group);
}

}  // namespace muster::ctl
