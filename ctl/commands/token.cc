#include "ctl/commands/token.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

// "a=b,c=d", as often as it is given.
absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("--labels: expected KEY=VALUE, found \"", text, "\""));
    }
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

std::string LabelText(const admin::v1::ListTokensResponse::Token& token) {
  const std::map<std::string, std::string> sorted(token.labels().begin(), token.labels().end());
  return sorted.empty() ? "<none>" : absl::StrJoin(sorted, ",", absl::PairFormatter("="));
}

}  // namespace

int RunTokenCreate(Context& context, const TokenOptions& options) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  admin::v1::CreateTokenRequest request;
  request.set_ttl_seconds(options.ttl.count());
  request.set_uses(options.uses);
  request.set_node_name(options.node_name);
  request.mutable_labels()->insert(options.labels.begin(), options.labels.end());
  request.set_replace(options.replace);
  const auto response = (*client)->CreateToken(request);
  if (!response.ok()) return Fail(context, response.status());
  context.out << (options.token_only ? response->token() : response->join_command()) << "\n";
  return kExitDone;
}

int RunTokenList(Context& context) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto tokens = (*client)->ListTokens(admin::v1::ListTokensRequest());
  if (!tokens.ok()) return Fail(context, tokens.status());
  if (tokens->tokens().empty()) {
    context.err << "No tokens found\n";
    return kExitDone;
  }
  admin::v1::Table table;
  for (const char* name : {"ID", "EXPIRES", "USES LEFT", "NODE NAME", "LABELS", "REPLACE"}) {
    table.add_columns()->set_name(name);
  }
  for (const auto& token : tokens->tokens()) {
    admin::v1::Table::Row& row = *table.add_rows();
    row.add_cells(token.id());
    row.add_cells(DateText(token.expires_at_unix_seconds()));
    row.add_cells(absl::StrCat(token.uses_left()));
    row.add_cells(token.node_name().empty() ? "<any>" : token.node_name());
    row.add_cells(LabelText(token));
    row.add_cells(token.replace() ? "yes" : "no");
  }
  TablePrinter({}).Print(table, context.out);
  return kExitDone;
}

int RunTokenDelete(Context& context, const std::vector<std::string>& ids) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  for (const std::string& id : ids) {
    admin::v1::DeleteTokenRequest request;
    request.set_id(id.substr(0, id.find('.')));  // Whoever has the whole of it may give that.
    if (const auto response = (*client)->DeleteToken(request); !response.ok()) {
      return Fail(context, response.status());
    }
    context.out << "token/" << request.id() << " deleted\n";
  }
  return kExitDone;
}

void AddToken(CommandLine& line) {
  CLI::App& group = line.Group("token", "Tokens by which nodes join");
  const auto options = std::make_shared<TokenOptions>();
  const auto ttl = std::make_shared<std::string>();
  const auto labels = std::make_shared<std::vector<std::string>>();
  CLI::App& app = line.Add(
      "create", "Make a token and print the command that joins with it",
      [options, ttl, labels]() -> absl::StatusOr<CommandLine::Action> {
        if (!ttl->empty()) {
          MUSTER_ASSIGN_OR_RETURN(const auto given, ParseDuration(*ttl));
          options->ttl = std::chrono::duration_cast<std::chrono::seconds>(given);
        }
        MUSTER_ASSIGN_OR_RETURN(options->labels, ParseLabels(*labels));
        return [options](Context& context) { return RunTokenCreate(context, *options); };
      },
      &group);
  app.add_option("--ttl", *ttl, "How long it can be used (default 1h)");
  app.add_option("--uses", options->uses, "How many nodes may join with it (default 1)")
      ->check(CLI::PositiveNumber);
  app.add_option("--node-name", options->node_name,
                 "Only for nodes with such a name; * and ? stand for others");
  app.add_option("--labels", *labels, "Labels that the node gets: KEY=VALUE,...")->delimiter(',');
  app.add_flag("--replace", options->replace,
               "A host may take over the name of a node; the old host is shut out");
  app.add_flag("--token-only", options->token_only, "Print just the token");

  line.Add(
      "list", "Show the tokens that can still be used",
      [] { return [](Context& context) { return RunTokenList(context); }; }, &group);
  const auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App& remove = line.Add(
      "delete", "Remove tokens, so that nobody joins with them any more",
      [ids] { return [ids](Context& context) { return RunTokenDelete(context, *ids); }; }, &group);
  remove.add_option("ID", *ids, "Ids of tokens, as list shows them")->required();
}

}  // namespace muster::ctl
