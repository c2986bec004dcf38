#include "ctl/commands/version.h"

#include <memory>

#include "common/version/version.h"
#include "ctl/commands/command_line.h"

namespace muster::ctl {

int RunVersion(Context& context, bool client_only) {
  context.out << "Client Version: v" << Version() << " (" << GitVersion() << ")\n";
  if (client_only) return kExitDone;
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto response = (*client)->GetVersion();
  if (!response.ok()) return Fail(context, response.status());
  context.out << "Server Version: v" << response->version() << " (" << response->git_revision()
              << ")\n";
  return kExitDone;
}

void AddVersion(CommandLine& line) {
  const auto client_only = std::make_shared<bool>(false);
  CLI::App& app =
      line.Add("version", "Show the versions of musterctl and the coordinator", [client_only] {
        return [client_only](Context& context) { return RunVersion(context, *client_only); };
      });
  app.add_flag("--client", *client_only, "Only of musterctl");
}

}  // namespace muster::ctl
