#include "ctl/commands/api_resources.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/model/kinds.h"
#include "ctl/commands/command_line.h"
#include "ctl/output/table.h"

namespace muster::ctl {

int RunApiResources(Context& context, const std::string& output, bool headers) {
  std::vector<const model::KindInfo*> kinds;
  for (const model::KindInfo& kind : model::AllKinds()) kinds.push_back(&kind);
  // As kubectl: the core group first, then group by group, by name.
  std::sort(kinds.begin(), kinds.end(), [](const auto* a, const auto* b) {
    return std::pair(a->group(), a->plural) < std::pair(b->group(), b->plural);
  });
  admin::v1::Table table;
  for (const char* heading : {"NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"}) {
    table.add_columns()->set_name(heading);
  }
  for (const model::KindInfo* kind : kinds) {
    if (output == "name") {
      context.out << kind->plural << (kind->group().empty() ? "" : ".") << kind->group() << "\n";
      continue;
    }
    admin::v1::Table::Row& row = *table.add_rows();
    for (const std::string_view cell :
         {kind->plural, kind->short_name, kind->api_version,
          std::string_view(kind->namespaced ? "true" : "false"), kind->name}) {
      row.add_cells(std::string(cell));
    }
  }
  TableOptions options;
  options.headers = headers;
  if (output != "name") TablePrinter(std::move(options)).Print(table, context.out);
  return kExitDone;
}

void AddApiResources(CommandLine& line) {
  struct Flags {
    std::string output;
    bool headers = true;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = line.Add("api-resources", "Show the kinds of objects there are", [flags] {
    return [flags](Context& context) {
      return RunApiResources(context, flags->output, flags->headers);
    };
  });
  app.add_option("-o,--output", flags->output, "name")->check(CLI::IsMember({"name"}));
  app.add_flag("!--no-headers", flags->headers, "Only the rows");
}

}  // namespace muster::ctl
