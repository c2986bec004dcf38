#include "ctl/commands/top.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ctl/commands/command_line.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

absl::StatusOr<UsageOrder> ParseOrder(const std::string& text) {
  if (text.empty()) return UsageOrder::kName;
  if (text == "cpu") return UsageOrder::kCpu;
  if (text == "memory") return UsageOrder::kMemory;
  return absl::InvalidArgumentError(
      absl::StrCat("--sort-by accepts only cpu or memory, found \"", text, "\""));
}

CLI::App& AddOne(CommandLine& line, CLI::App& group, const std::string& resource,
                 const std::vector<std::string>& aliases, const std::string& description,
                 const std::shared_ptr<TopOptions>& options) {
  struct Flags {
    std::string order;
    bool no_headers = false;
  };
  const auto flags = std::make_shared<Flags>();
  options->resource = resource;
  CLI::App& app = line.Add(
      resource, description,
      [options, flags]() -> absl::StatusOr<CommandLine::Action> {
        const absl::StatusOr<UsageOrder> order = ParseOrder(flags->order);
        if (!order.ok()) return order.status();
        options->order = *order;
        options->headers = !flags->no_headers;
        if (!options->name.empty() && !options->selector.empty()) {
          return absl::InvalidArgumentError("only one of NAME or --selector can be provided");
        }
        return [options](Context& context) { return RunTop(context, *options); };
      },
      &group);
  for (const std::string& alias : aliases) app.alias(alias);
  app.add_option("name", options->name, "Only this one");
  app.add_option("-l,--selector", options->selector, "Of those with these labels");
  app.add_option("--sort-by", flags->order, "cpu or memory, the largest first");
  app.add_flag("--no-headers", flags->no_headers, "Only the rows");
  return app;
}

}  // namespace

int RunTop(Context& context, const TopOptions& options) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const bool pods = options.resource == "pods";
  admin::v1::TopRequest request;
  request.set_resource(options.resource);
  if (pods && !context.all_namespaces) request.set_namespace_(context.ns);
  request.set_all_namespaces(pods && context.all_namespaces);
  request.set_name(options.name);
  request.set_label_selector(options.selector);
  request.set_field_selector(options.field_selector);
  const absl::StatusOr<admin::v1::TopResponse> usage = (*client)->Top(request);
  if (!usage.ok()) return Fail(context, usage.status());
  for (const std::string& problem : usage->problems()) Warn(context, problem);
  if (usage->pods().empty() && usage->nodes().empty()) return NothingMatched(context);
  TablePrinter printer({.headers = options.headers, .namespaces = pods && context.all_namespaces});
  printer.Print(pods ? PodUsageTable(*usage, options.order, options.containers)
                     : NodeUsageTable(*usage, options.order),
                context.out);
  return kExitDone;
}

void AddTop(CommandLine& line) {
  CLI::App& group = line.Group("top", "What pods and nodes use at this moment");
  const auto pods = std::make_shared<TopOptions>();
  CLI::App& of_pods = AddOne(line, group, "pods", {"pod", "po"}, "What pods use", pods);
  of_pods.add_option("--field-selector", pods->field_selector, "Of those with these fields");
  of_pods.add_flag("--containers", pods->containers, "A row for each container");
  line.AddAllNamespaces(of_pods);
  AddOne(line, group, "nodes", {"node", "no"}, "What nodes use", std::make_shared<TopOptions>());
}

}  // namespace muster::ctl
