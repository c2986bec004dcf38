#include "ctl/commands/events.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/time_text.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/selection.h"
#include "ctl/output/object_format.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

using admin::v1::Table;
using admin::v1::WatchEvent;

absl::Time LastSeen(const v1::Event& event) {
  if (event.series().has_last_observed_time()) {
    return model::ToAbslTime(event.series().last_observed_time());
  }
  if (event.has_last_timestamp()) return model::ToAbslTime(event.last_timestamp());
  if (event.has_first_timestamp()) return model::ToAbslTime(event.first_timestamp());
  return model::ToAbslTime(event.event_time());
}

// The cell of a wide row below this heading.
std::string Cell(const Table& table, const Table::Row& row, const std::string& heading) {
  for (int i = 0; i < table.columns_size() && i < row.cells_size(); ++i) {
    if (table.columns(i).name() == heading) return row.cells(i);
  }
  return "";
}

bool IsWanted(const EventsOptions& options, const std::string& type) {
  return options.types.empty() ||
         std::any_of(options.types.begin(), options.types.end(), [type](const std::string& each) {
           return absl::EqualsIgnoreCase(each, type);
         });
}

// The columns of `events` from those of `get events -o wide`: how often something was seen stands
// beside when.
Table Narrow(const EventsOptions& options, const Table& wide) {
  Table table;
  for (const char* heading : {"LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"}) {
    table.add_columns()->set_name(heading);
  }
  for (const Table::Row& row : wide.rows()) {
    if (!IsWanted(options, Cell(wide, row, "TYPE"))) continue;
    Table::Row& narrow = *table.add_rows();
    narrow.set_namespace_(row.namespace_());
    std::string seen = Cell(wide, row, "LAST SEEN");
    const std::string count = Cell(wide, row, "COUNT");
    if (!count.empty() && count != "1" && count != "0") {
      absl::StrAppend(&seen, " (x", count, " over ", Cell(wide, row, "FIRST SEEN"), ")");
    }
    narrow.add_cells(std::move(seen));
    for (const char* heading : {"TYPE", "REASON", "OBJECT", "MESSAGE"}) {
      narrow.add_cells(Cell(wide, row, heading));
    }
  }
  return table;
}

absl::StatusOr<admin::v1::ListRequest> RequestFor(const Context& context,
                                                  const EventsOptions& options) {
  admin::v1::ListRequest request =
      ListRequestFor(context, *model::FindKind(v1::Object::kEvent), {});
  if (options.about.empty()) return request;
  MUSTER_ASSIGN_OR_RETURN(const Targets about, ParseTargets({options.about}));
  if (about.list.size() != 1 || about.list[0].name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--for: expected KIND/NAME, found \"", options.about, "\""));
  }
  request.set_field_selector(
      absl::StrCat("involvedObject.kind=", std::string(about.list[0].kind->name),
                   ",involvedObject.name=", about.list[0].name));
  return request;
}

// The latest last; indexes into `objects`.
std::vector<size_t> ByTime(const std::vector<v1::Object>& objects) {
  std::vector<size_t> order(objects.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&objects](size_t a, size_t b) {
    return LastSeen(objects[a].event()) < LastSeen(objects[b].event());
  });
  return order;
}

int Follow(Context& context, const EventsOptions& options, AdminClient& client,
           const admin::v1::ListRequest& list, int64_t revision, TablePrinter& printer,
           std::optional<ObjectFormat>& format) {
  admin::v1::WatchRequest request;
  *request.mutable_list() = list;
  request.mutable_list()->set_as_table(!format);
  request.mutable_list()->set_with_objects(false);
  request.set_from_revision(revision);
  absl::Status printed;
  const absl::Status status = client.Watch(request, std::nullopt, [&](const WatchEvent& event) {
    if (event.type() != WatchEvent::ADDED && event.type() != WatchEvent::MODIFIED) return true;
    if (!format) {
      printer.Print(Narrow(options, event.table()), context.out);
    } else if (IsWanted(options, event.object().event().type())) {
      printed = format->PrintNext(event.object(), context.out);
    }
    return printed.ok() && static_cast<bool>(context.out);
  });
  if (!printed.ok()) return FailLocally(context, std::string(printed.message()));
  return status.ok() ? kExitDone : Fail(context, status);
}

}  // namespace

int RunEvents(Context& context, const EventsOptions& options) {
  std::optional<ObjectFormat> format;
  if (!options.output.empty()) {
    auto parsed = ObjectFormat::Parse(options.output, options.headers);
    if (!parsed.ok()) {
      return FailLocally(context, std::string(parsed.status().message()), kExitUsage);
    }
    format = *std::move(parsed);
  }
  for (const std::string& type : options.types) {
    if (absl::EqualsIgnoreCase(type, "Normal") || absl::EqualsIgnoreCase(type, "Warning")) continue;
    return FailLocally(context,
                       absl::StrCat("--types: expected Normal or Warning, found \"", type, "\""),
                       kExitUsage);
  }
  auto request = RequestFor(context, options);
  if (!request.ok()) {
    return FailLocally(context, std::string(request.status().message()), kExitUsage);
  }
  request->set_as_table(true);
  request->set_wide(true);
  request->set_with_objects(true);
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  auto list = (*client)->List(*request);
  if (!list.ok()) return Fail(context, list.status());
  if (list->objects_size() != list->table().rows_size()) {
    return Fail(context, absl::InternalError("the coordinator did not send an event for each row"));
  }
  std::vector<v1::Object> all(list->objects().begin(), list->objects().end());
  Table wide;
  *wide.mutable_columns() = list->table().columns();
  std::vector<v1::Object> objects;
  for (const size_t index : ByTime(all)) {
    if (!IsWanted(options, all[index].event().type())) continue;
    *wide.add_rows() = list->table().rows(static_cast<int>(index));
    objects.push_back(std::move(all[index]));
  }
  TableOptions table_options;
  table_options.headers = options.headers;
  table_options.namespaces = context.all_namespaces;
  TablePrinter printer(std::move(table_options));
  if (format && options.watch) {
    for (const v1::Object& object : objects) {
      const absl::Status status = format->PrintNext(object, context.out);
      if (!status.ok()) return FailLocally(context, std::string(status.message()));
    }
  } else if (format) {
    const absl::Status status = format->Print(objects, /*as_list=*/true, context.out);
    if (!status.ok()) return FailLocally(context, std::string(status.message()));
  } else if (!objects.empty()) {
    printer.Print(Narrow(options, wide), context.out);
  } else if (!options.watch) {
    context.err << "No events found"
                << (context.all_namespaces ? "" : absl::StrCat(" in ", context.ns, " namespace"))
                << ".\n";
  }
  if (!options.watch) return kExitDone;
  return Follow(context, options, **client, *request, list->revision(), printer, format);
}

void AddEvents(CommandLine& line) {
  const auto options = std::make_shared<EventsOptions>();
  CLI::App& app = line.Add("events", "Show what happened, the latest last", [options] {
    return [options](Context& context) { return RunEvents(context, *options); };
  });
  app.add_option("--for", options->about, "Only to this object: KIND/NAME");
  app.add_option("--types", options->types, "Only of these types: Normal, Warning")
      ->delimiter(',')
      ->allow_extra_args(false);
  line.AddAllNamespaces(app);
  app.add_option("-o,--output", options->output, ObjectFormat::Forms());
  app.add_flag("!--no-headers", options->headers, "Only the rows");
  app.add_flag("-w,--watch", options->watch, "Go on with what comes");
}

}  // namespace muster::ctl
