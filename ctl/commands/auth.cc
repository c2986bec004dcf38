#include "ctl/commands/auth.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ctl/commands/command_line.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

// Rights that people know by their commands, and what of a pod they are about.
struct PodRight {
  std::string_view command, subresource;
};
constexpr std::array kPodRights = {PodRight{"exec", "exec"}, PodRight{"attach", "attach"},
                                   PodRight{"port-forward", "portforward"}, PodRight{"cp", "cp"},
                                   PodRight{"logs", "log"}};

bool IsSubresource(std::string_view text) {
  return std::any_of(kPodRights.begin(), kPodRights.end(),
                     [&](const PodRight& right) { return right.subresource == text; });
}

std::string InBrackets(const std::string& text) { return absl::StrCat("[", text, "]"); }

template <typename Texts>
std::string InBrackets(const Texts& texts) {
  return InBrackets(absl::StrJoin(texts, " "));
}

void AddRow(admin::v1::Table& table, const std::vector<std::string>& cells) {
  admin::v1::Table::Row& row = *table.add_rows();
  for (const std::string& cell : cells) row.add_cells(cell);
}

// What the question is about, in the API's words.
admin::v1::CanIRequest RequestFor(const Context& context, const CanIOptions& options) {
  admin::v1::CanIRequest request;
  std::string resource = options.resource;
  std::string subresource = options.subresource;
  if (const size_t slash = resource.find('/'); slash != std::string::npos) {
    std::string behind = resource.substr(slash + 1);
    resource = resource.substr(0, slash);
    if (subresource.empty() && IsSubresource(behind)) {
      subresource = std::move(behind);
    } else {
      request.set_name(std::move(behind));
    }
  }
  request.set_verb(options.verb);
  for (const PodRight& right : kPodRights) {
    if (options.verb != right.command || !subresource.empty()) continue;
    subresource = right.subresource;
    request.set_verb(right.command == "logs" ? "get" : "create");
  }
  request.set_resource(subresource.empty() ? resource : absl::StrCat(resource, "/", subresource));
  request.set_namespace_(context.ns);
  request.set_all_namespaces(context.all_namespaces);
  const model::KindInfo* kind = model::FindResource(resource);
  if (kind == nullptr || !kind->namespaced) request.clear_namespace_();
  return request;
}

void WarnOfResource(Context& context, const std::string& resource) {
  if (resource == "*" || resource == "tokens" || resource == "users") return;
  const model::KindInfo* kind = model::FindResource(resource.substr(0, resource.find('/')));
  if (kind == nullptr) {
    Warn(context, absl::StrCat("the server doesn't have a resource type '", resource, "'\n"));
  } else if (!kind->namespaced) {
    Warn(context,
         absl::StrCat("resource '", std::string(kind->plural), "' is not namespace scoped\n"));
  }
}

int ListAllowed(Context& context, AdminClient& client, bool headers) {
  admin::v1::CanIRequest request;
  request.set_namespace_(context.ns);
  const auto response = client.CanI(request);
  if (!response.ok()) return Fail(context, response.status());
  admin::v1::Table table;
  for (const char* name : {"Resources", "Non-Resource URLs", "Resource Names", "Verbs"}) {
    table.add_columns()->set_name(name);
  }
  for (const auto& rule : response->rules()) {
    AddRow(table, {rule.resource(), "[]", "[]", InBrackets(rule.verbs())});
  }
  TableOptions options;
  options.headers = headers;
  TablePrinter(std::move(options)).Print(table, context.out);
  return kExitDone;
}

}  // namespace

int RunCanI(Context& context, const CanIOptions& options) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  if (options.list) return ListAllowed(context, **client, options.headers);
  if (!options.quiet) WarnOfResource(context, options.resource);
  const auto response = (*client)->CanI(RequestFor(context, options));
  if (!response.ok()) return Fail(context, response.status());
  if (!options.quiet) context.out << (response->allowed() ? "yes\n" : "no\n");
  return response->allowed() ? kExitDone : kExitError;
}

int RunWhoAmI(Context& context) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto who = (*client)->WhoAmI(admin::v1::WhoAmIRequest());
  if (!who.ok()) return Fail(context, who.status());
  admin::v1::Table table;
  table.add_columns()->set_name("ATTRIBUTE");
  table.add_columns()->set_name("VALUE");
  AddRow(table, {"Username", who->name()});
  AddRow(table, {"Groups", InBrackets(who->groups())});
  AddRow(table, {"Extra: role", InBrackets(who->role())});
  if (!who->namespaces().empty()) {
    AddRow(table, {"Extra: namespaces", InBrackets(who->namespaces())});
  }
  if (!who->rights().empty()) AddRow(table, {"Extra: rights", InBrackets(who->rights())});
  TablePrinter({}).Print(table, context.out);
  return kExitDone;
}

void AddAuth(CommandLine& line) {
  CLI::App& group = line.Group("auth", "What you may do, and who you are");
  const auto options = std::make_shared<CanIOptions>();
  CLI::App& can_i = line.Add(
      "can-i", "Ask whether you may do something",
      [options]() -> absl::StatusOr<CommandLine::Action> {
        if (options->list != options->verb.empty() ||
            options->verb.empty() != options->resource.empty()) {
          return absl::InvalidArgumentError(
              "you must specify two arguments: verb resource or verb resource/resourceName; or "
              "--list alone");
        }
        return [options](Context& context) { return RunCanI(context, *options); };
      },
      &group);
  can_i.add_option("VERB", options->verb, "get, list, create, exec, ...");
  can_i.add_option("RESOURCE", options->resource, "A kind, KIND/NAME, or pods/exec and the like");
  can_i.add_option("--subresource", options->subresource, "log, exec, attach, portforward or cp");
  can_i.add_flag("--list", options->list, "Show everything that you may in the namespace");
  can_i.add_flag("!--no-headers", options->headers, "Only the rows of --list");
  can_i.add_flag("-q,--quiet", options->quiet, "Only the exit code");
  line.AddAllNamespaces(can_i);
  line.Add(
      "whoami", "Show who you are for the coordinator",
      [] { return [](Context& context) { return RunWhoAmI(context); }; }, &group);
}

}  // namespace muster::ctl
