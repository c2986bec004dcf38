#include "ctl/commands/get.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/output/object_format.h"
#include "ctl/output/sort.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

using admin::v1::Table;
using admin::v1::WatchEvent;

bool IsTable(const GetOptions& options) {
  return options.output.empty() || options.output == "wide";
}

admin::v1::ListRequest RequestFor(const Context& context, const GetOptions& options,
                                  const model::KindInfo& kind) {
  admin::v1::ListRequest request = ListRequestFor(context, kind, options.selection);
  request.set_as_table(IsTable(options));
  request.set_wide(options.output == "wide");
  request.set_with_objects(IsTable(options) && !options.sort_by.empty());
  return request;
}

// What was found, in the order it was asked for. Objects and the rows of a kind stand in the same
// order where both are there.
struct Found {
  struct OfKind {
    const model::KindInfo* kind;
    Table table;
    std::vector<v1::Object> objects;
  };
  std::vector<OfKind> kinds;

  OfKind& Of(const model::KindInfo& kind) {
    if (kinds.empty() || kinds.back().kind != &kind) kinds.push_back({.kind = &kind});
    return kinds.back();
  }
  bool empty() const {
    for (const OfKind& each : kinds) {
      if (!each.objects.empty() || !each.table.rows().empty()) return false;
    }
    return true;
  }
};

void Add(Table table, Found::OfKind& found) {
  if (found.table.columns().empty()) {
    found.table = std::move(table);
  } else {
    found.table.mutable_rows()->MergeFrom(table.rows());
  }
}

absl::Status Collect(Context& context, const GetOptions& options, AdminClient& client,
                     const Targets::Target& target, Found& found) {
  Found::OfKind& of_kind = found.Of(*target.kind);
  if (target.name.empty()) {
    MUSTER_ASSIGN_OR_RETURN(admin::v1::ListResponse list,
                            client.List(RequestFor(context, options, *target.kind)));
    if (IsTable(options)) Add(std::move(*list.mutable_table()), of_kind);
    for (v1::Object& object : *list.mutable_objects()) of_kind.objects.push_back(std::move(object));
    return absl::OkStatus();
  }
  admin::v1::GetRequest request;
  *request.mutable_ref() = RefOf(context, target);
  request.set_as_table(IsTable(options));
  request.set_wide(options.output == "wide");
  MUSTER_ASSIGN_OR_RETURN(admin::v1::GetResponse response, client.Get(request));
  if (IsTable(options)) {
    Add(std::move(*response.mutable_table()), of_kind);
  } else {
    of_kind.objects.push_back(std::move(*response.mutable_object()));
  }
  return absl::OkStatus();
}

absl::Status Sort(const std::string& path, Found::OfKind& found) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<size_t> order, SortedOrder(path, found.objects));
  const bool has_rows = !found.table.rows().empty();
  if (has_rows && static_cast<size_t>(found.table.rows_size()) != order.size()) {
    return absl::InternalError("the coordinator did not send an object for each row");
  }
  std::vector<v1::Object> objects;
  Table table;
  *table.mutable_columns() = found.table.columns();
  for (const size_t index : order) {
    if (has_rows) *table.add_rows() = found.table.rows(static_cast<int>(index));
    objects.push_back(std::move(found.objects[index]));
  }
  found.objects = std::move(objects);
  found.table = std::move(table);
  return absl::OkStatus();
}

TableOptions TableOptionsFor(const Context& context, const GetOptions& options,
                             const model::KindInfo& kind, bool several_kinds) {
  TableOptions table;
  table.headers = options.headers;
  table.namespaces = context.all_namespaces && kind.namespaced;
  table.label_columns = options.label_columns;
  table.labels = options.show_labels;
  if (several_kinds || options.show_kind) table.name_prefix = model::QualifiedName(kind, "");
  return table;
}

void PrintTables(Context& context, const GetOptions& options, const Targets& targets,
                 const Found& found) {
  bool first = true;
  for (const Found::OfKind& each : found.kinds) {
    if (each.table.rows().empty()) continue;
    if (!first) context.out << "\n";
    first = false;
    TablePrinter(TableOptionsFor(context, options, *each.kind, targets.several_kinds))
        .Print(each.table, context.out);
  }
}

absl::Status PrintObjects(Context& context, ObjectFormat& format, const Targets& targets,
                          Found found) {
  std::vector<v1::Object> objects;
  for (Found::OfKind& each : found.kinds) {
    for (v1::Object& object : each.objects) objects.push_back(std::move(object));
  }
  const bool one = targets.list.size() == 1 && !targets.list[0].name.empty();
  if (one && objects.empty()) return absl::OkStatus();  // --ignore-not-found
  return format.Print(objects, /*as_list=*/!one, context.out);
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
             const Targets& targets, std::optional<ObjectFormat>& format) {
  if (targets.list.size() != 1) {
    return FailLocally(context, "you may only specify a single resource type or name with --watch",
                       kExitUsage);
  }
  const Targets::Target& target = targets.list[0];
  admin::v1::WatchRequest request;
  *request.mutable_list() = RequestFor(context, options, *target.kind);
  if (!target.name.empty()) {
    request.mutable_list()->set_field_selector(absl::StrCat("metadata.name=", target.name));
  }
  TablePrinter printer(TableOptionsFor(context, options, *target.kind, false));
  bool synced = false;
  Table initial;
  absl::Status printed;
  const absl::Status status = client.Watch(request, std::nullopt, [&](const WatchEvent& event) {
    if (event.type() == WatchEvent::SYNCED) {
      synced = true;
      // The first rows together, so that the columns fit all of them.
      if (!format && !options.watch_only && !initial.rows().empty()) {
        printer.Print(initial, context.out);
      }
      return true;
    }
    if (!synced && options.watch_only) return true;
    if (format) {
      printed = format->PrintNext(event.object(), context.out);
    } else if (!synced) {
      if (initial.columns().empty()) *initial.mutable_columns() = event.table().columns();
      initial.mutable_rows()->MergeFrom(event.table().rows());
    } else {
      printer.Print(event.table(), context.out);
    }
    return printed.ok() && static_cast<bool>(context.out);
  });
  if (!printed.ok()) return FailLocally(context, std::string(printed.message()));
  return status.ok() ? kExitDone : Fail(context, status);
}

}  // namespace

int RunGet(Context& context, const GetOptions& options) {
  std::optional<ObjectFormat> format;
  if (!IsTable(options)) {
    auto parsed = ObjectFormat::Parse(options.output, options.headers);
    if (!parsed.ok()) {
      return FailLocally(context, std::string(parsed.status().message()), kExitUsage);
    }
    format = *std::move(parsed);
  }
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  for (const Targets::Target& target : targets->list) {
    if (!target.name.empty() && !options.selection.selector.empty()) {
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
  if (options.watch || options.watch_only) {
    return RunWatch(context, options, **client, *targets, format);
  }
  Found found;
  int exit_code = kExitDone;
  for (const Targets::Target& target : targets->list) {
    const absl::Status status = Collect(context, options, **client, target, found);
    if (status.ok()) continue;
    if (options.ignore_not_found && status.code() == absl::StatusCode::kNotFound) continue;
    exit_code = Fail(context, status);
    if (status.code() != absl::StatusCode::kNotFound) return exit_code;
  }
  if (!options.sort_by.empty()) {
    for (Found::OfKind& each : found.kinds) {
      // One row is in order.
      if (each.objects.size() < 2) continue;
      if (const absl::Status status = Sort(options.sort_by, each); !status.ok()) {
        return FailLocally(context, std::string(status.message()));
      }
    }
  }
  const bool nothing = found.empty();
  if (!format) {
    PrintTables(context, options, *targets, found);
  } else if (exit_code == kExitDone || !nothing) {
    const absl::Status status = PrintObjects(context, *format, *targets, std::move(found));
    if (!status.ok()) return FailLocally(context, std::string(status.message()));
  }
  if (nothing && exit_code == kExitDone && !format && !options.ignore_not_found) {
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
  app.add_option("-l,--selector", options->selection.selector,
                 "Only with these labels: a=b,c in (d,e),!f");
  app.add_option("--field-selector", options->selection.field_selector,
                 "Only with these fields: spec.nodeName=n,status.phase!=Running");
  app.add_option("-o,--output", options->output, absl::StrCat("wide, ", ObjectFormat::Forms()));
  app.add_option("--sort-by", options->sort_by, "Order by this field, such as .spec.nodeName");
  app.add_flag("!--no-headers", options->headers, "Only the rows");
  app.add_flag("--show-labels", options->show_labels, "With a column of all labels");
  app.add_option("-L,--label-columns", options->label_columns, "With a column for each label")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--show-kind", options->show_kind, "With the kind before each name");
  app.add_flag("-w,--watch", options->watch, "Go on showing what changes");
  app.add_flag("--watch-only", options->watch_only, "Show only what changes");
  app.add_flag("--ignore-not-found", options->ignore_not_found, "A missing object is no error");
}

}  // namespace muster::ctl
