#include "ctl/commands/node.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "ctl/commands/command_line.h"

namespace muster::ctl {

int RunNodeRevoke(Context& context, const std::vector<std::string>& names) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  for (const std::string& given : names) {
    admin::v1::RevokeNodeRequest request;
    // As `get -o name` prints it.
    request.set_name(std::string(absl::StripPrefix(given, "node/")));
    const auto response = (*client)->RevokeNode(request);
    if (!response.ok()) return Fail(context, response.status());
    context.out << "node/" << request.name()
                << (response->changed() ? " revoked\n" : " was revoked already\n");
  }
  return kExitDone;
}

void AddNode(CommandLine& line) {
  CLI::App& group = line.Group("node", "What nodes may do here");
  const auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& revoke = line.Add(
      "revoke", "Cut nodes off and refuse their keys; their objects stay",
      [names] { return [names](Context& context) { return RunNodeRevoke(context, *names); }; },
      &group);
  revoke.add_option("NAME", *names, "Names of nodes")->required();
  revoke.footer(
      "What runs on such a host goes on: nobody can be told any more. A token made with --replace "
      "lets a host join under the name again.");
}

}  // namespace muster::ctl
