#include "ctl/commands/token.h"

#include <memory>
#include <string>

#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"

namespace muster::ctl {

int RunTokenCreate(Context& context, const TokenOptions& options) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  admin::v1::CreateTokenRequest request;
  request.set_ttl_seconds(options.ttl.count());
  request.set_uses(options.uses);
  const auto response = (*client)->CreateToken(request);
  if (!response.ok()) return Fail(context, response.status());
  context.out << (options.token_only ? response->token() : response->join_command()) << "\n";
  return kExitDone;
}

void AddToken(CommandLine& line) {
  CLI::App& group = line.Group("token", "Tokens by which nodes join");
  const auto options = std::make_shared<TokenOptions>();
  const auto ttl = std::make_shared<std::string>();
  CLI::App& app = line.Add(
      "create", "Make a token and print the command that joins with it",
      [options, ttl]() -> absl::StatusOr<CommandLine::Action> {
        if (!ttl->empty()) {
          MUSTER_ASSIGN_OR_RETURN(const auto given, ParseDuration(*ttl));
          options->ttl = std::chrono::duration_cast<std::chrono::seconds>(given);
        }
        return [options](Context& context) { return RunTokenCreate(context, *options); };
      },
      &group);
  app.add_option("--ttl", *ttl, "How long it can be used (default 1h)");
  app.add_option("--uses", options->uses, "How many nodes may join with it (default 1)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--token-only", options->token_only, "Print just the token");
}

}  // namespace muster::ctl
