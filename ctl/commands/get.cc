#include "ctl/commands/get.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/manifest/encode.h"
#include "ctl/commands/command_line.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

using admin::v1::Table;
using admin::v1::WatchEvent;

bool IsTable(const GetOptions& options) {
  return options.output.empty() || options.output == "wide";
}

admin::v1::ListRequest ListRequestFor(const Context& context, const GetOptions& options,
                                      const model::KindInfo& kind) {
  admin::v1::ListRequest request;
  request.set_resource(std::string(kind.plural));
  request.set_all_namespaces(context.all_namespaces && kind.namespaced);
  if (!request.all_namespaces()) request.set_namespace_(NamespaceFor(context, kind));
  request.set_label_selector(options.selector);
  request.set_field_selector(options.field_selector);
  request.set_as_table(IsTable(options));
  request.set_wide(options.output == "wide");
  return request;
}

// What was found, in the order it was asked for.
struct Found {
  std::vector<v1::Object> objects;
  std::vector<std::pair<const model::KindInfo*, Table>> tables;
  bool empty = true;
};

void Add(const model::KindInfo& kind, const Table& table, Found& found) {
  if (found.tables.empty() || found.tables.back().first != &kind) {
    found.tables.emplace_back(&kind, table);
  } else {
    found.tables.back().second.mutable_rows()->MergeFrom(table.rows());
  }
  found.empty = found.empty && table.rows().empty();
}

absl::Status Collect(Context& context, const GetOptions& options, AdminClient& client,
                     const Targets::Target& target, Found& found) {
  if (target.name.empty()) {
    auto list = client.List(ListRequestFor(context, options, *target.kind));
    if (!list.ok()) return list.status();
    if (IsTable(options)) Add(*target.kind, list->table(), found);
    for (v1::Object& object : *list->mutable_objects()) {
      found.empty = false;
      found.objects.push_back(std::move(object));
    }
    return absl::OkStatus();
  }
  admin::v1::GetRequest request;
  *request.mutable_ref() = RefOf(context, target);
  request.set_as_table(IsTable(options));
  request.set_wide(options.output == "wide");
  auto response = client.Get(request);
  if (!response.ok()) return response.status();
  if (IsTable(options)) {
    Add(*target.kind, response->table(), found);
  } else {
    found.objects.push_back(std::move(*response->mutable_object()));
  }
  found.empty = false;
  return absl::OkStatus();
}

TableOptions TableOptionsFor(const Context& context, const GetOptions& options,
                             const model::KindInfo& kind, bool several_kinds) {
  TableOptions table;
  table.headers = options.headers;
  table.namespaces = context.all_namespaces && kind.namespaced;
  table.labels = options.show_labels;
  if (several_kinds) table.name_prefix = model::QualifiedName(kind, "");
  return table;
}

void PrintFound(Context& context, const GetOptions& options, const Targets& targets,
                const Found& found) {
  if (options.output == "name") {
    for (const v1::Object& object : found.objects) {
      context.out << model::QualifiedName(object) << "\n";
    }
    return;
  }
  if (IsTable(options)) {
    bool first = true;
    for (const auto& [kind, table] : found.tables) {
      if (table.rows().empty()) continue;
      if (!first) context.out << "\n";
      first = false;
      TablePrinter(TableOptionsFor(context, options, *kind, targets.several_kinds))
          .Print(table, context.out);
    }
    return;
  }
  const bool json = options.output == "json";
  if (targets.list.size() == 1 && !targets.list[0].name.empty() && found.objects.size() == 1) {
    const v1::Object& object = found.objects[0];
    context.out << (json ? manifest::EncodeJson(object, manifest::JsonForm::kPretty) + "\n"
                         : manifest::EncodeYaml(object));
    return;
  }
  std::vector<const google::protobuf::Message*> objects;
  for (const v1::Object& object : found.objects) objects.push_back(&object);
  context.out << (json ? manifest::EncodeJsonList(objects) + "\n"
                       : manifest::EncodeYamlList(objects));
}

void PrintNothingFound(Context& context, const Targets& targets) {
  bool namespaced = false;
  for (const Targets::Target& target : targets.list) {
    namespaced = namespaced || target.kind->namespaced;
  }
  if (context.all_namespaces || !namespaced) {
    context.err << "No resources found\n";
  } else {
    context.err << "No resources found in " << context.ns << " namespace.\n";
  }
}

int RunWatch(Context& context, const GetOptions& options, AdminClient& client,
             const Targets& targets) {
  if (targets.list.size() != 1) {
    return FailLocally(context, "you may only specify a single resource type or name with --watch",
                       kExitUsage);
  }
  const Targets::Target& target = targets.list[0];
  admin::v1::WatchRequest request;
  *request.mutable_list() = ListRequestFor(context, options, *target.kind);
  if (!target.name.empty()) {
    request.mutable_list()->set_field_selector(absl::StrCat("metadata.name=", target.name));
  }
  TablePrinter printer(TableOptionsFor(context, options, *target.kind, false));
  bool synced = false;
  Table initial;
  const absl::Status status = client.Watch(request, std::nullopt, [&](const WatchEvent& event) {
    if (event.type() == WatchEvent::SYNCED) {
      synced = true;
      // The first rows together, so that the columns fit all of them.
      if (IsTable(options) && !options.watch_only && !initial.rows().empty()) {
        printer.Print(initial, context.out);
      }
      return true;
    }
    if (!synced && options.watch_only) return true;
    if (options.output == "name") {
      context.out << model::QualifiedName(event.object()) << "\n";
    } else if (options.output == "json") {
      context.out << manifest::EncodeJson(event.object(), manifest::JsonForm::kPretty) << "\n";
    } else if (options.output == "yaml") {
      context.out << "---\n" << manifest::EncodeYaml(event.object());
    } else if (!synced) {
      if (initial.columns().empty()) *initial.mutable_columns() = event.table().columns();
      initial.mutable_rows()->MergeFrom(event.table().rows());
    } else {
      printer.Print(event.table(), context.out);
    }
    context.out.flush();
    return static_cast<bool>(context.out);
  });
  return status.ok() ? kExitDone : Fail(context, status);
}

}  // namespace

int RunGet(Context& context, const GetOptions& options) {
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  for (const Targets::Target& target : targets->list) {
    if (!target.name.empty() && !options.selector.empty()) {
      return FailLocally(context, "name cannot be provided when a selector is specified",
                         kExitUsage);
    }
    if (!target.name.empty() && context.all_namespaces) {
      return FailLocally(context, "a resource cannot be retrieved by name across all namespaces",
                         kExitUsage);
    }
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  if (options.watch || options.watch_only) return RunWatch(context, options, **client, *targets);
  Found found;
  int exit_code = kExitDone;
  for (const Targets::Target& target : targets->list) {
    const absl::Status status = Collect(context, options, **client, target, found);
    if (status.ok()) continue;
    if (options.ignore_not_found && status.code() == absl::StatusCode::kNotFound) continue;
    exit_code = Fail(context, status);
    if (status.code() != absl::StatusCode::kNotFound) return exit_code;
  }
  if (!found.empty || !IsTable(options)) PrintFound(context, options, *targets, found);
  if (found.empty && exit_code == kExitDone && IsTable(options) && !options.ignore_not_found) {
    PrintNothingFound(context, *targets);
  }
  return exit_code;
}

void AddGet(CommandLine& line) {
  const auto options = std::make_shared<GetOptions>();
  CLI::App& app = line.Add("get", "Show objects", [options] {
    return [options](Context& context) { return RunGet(context, *options); };
  });
  app.add_option("resource", options->arguments, "KIND [NAME...], KIND,KIND or KIND/NAME...");
  line.AddAllNamespaces(app);
  app.add_option("-l,--selector", options->selector, "Only with these labels: a=b,c in (d,e),!f");
  app.add_option("--field-selector", options->field_selector, "Only with these fields");
  app.add_option("-o,--output", options->output, "wide, json, yaml or name")
      ->check(CLI::IsMember({"wide", "json", "yaml", "name"}));
  app.add_flag("!--no-headers", options->headers, "Only the rows");
  app.add_flag("--show-labels", options->show_labels, "With a column of all labels");
  app.add_flag("-w,--watch", options->watch, "Go on showing what changes");
  app.add_flag("--watch-only", options->watch_only, "Show only what changes");
  app.add_flag("--ignore-not-found", options->ignore_not_found, "A missing object is no error");
}

}  // namespace muster::ctl
