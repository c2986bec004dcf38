#include "ctl/commands/version.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/manifest/json_writer.h"
#include "common/manifest/value.h"
#include "common/manifest/yaml_writer.h"
#include "common/version/version.h"
#include "ctl/commands/command_line.h"

namespace muster::ctl {
namespace {

using manifest::Value;

Value Mapping(std::vector<manifest::Member> members) {
  Value value;
  value.type = Value::Type::kMapping;
  value.members = std::move(members);
  return value;
}

Value VersionValue(std::string version, std::string revision) {
  return Mapping({{"gitVersion", {}, manifest::MakeString(std::move(version))},
                  {"gitCommit", {}, manifest::MakeString(std::move(revision))}});
}

}  // namespace

int RunVersion(Context& context, bool client_only, const std::string& output) {
  std::optional<admin::v1::GetVersionResponse> server;
  absl::Status unknown;
  if (!client_only) {
    const auto client = context.client();
    unknown = client.status();
    if (client.ok()) {
      auto response = (*client)->GetVersion();
      unknown = response.status();
      if (response.ok()) server = *std::move(response);
    }
  }
  const std::string version = absl::StrCat("v", Version());
  if (output.empty()) {
    context.out << "Client Version: " << version << " (" << GitVersion() << ")\n";
    if (server) {
      context.out << "Server Version: v" << server->version() << " (" << server->git_revision()
                  << ")\n";
    }
  } else {
    Value both = Mapping({{"clientVersion", {}, VersionValue(version, std::string(GitVersion()))}});
    if (server) {
      both.members.push_back(
          {"serverVersion",
           {},
           VersionValue(absl::StrCat("v", server->version()), server->git_revision())});
    }
    context.out << (output == "json" ? WriteJson(both, manifest::JsonForm::kPretty) + "\n"
                                     : WriteYaml(both));
  }
  // What is known is said even when the coordinator does not answer.
  return unknown.ok() ? kExitDone : Fail(context, unknown);
}

void AddVersion(CommandLine& line) {
  struct Flags {
    bool client_only = false;
    std::string output;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App& app =
      line.Add("version", "Show the versions of musterctl and the coordinator", [flags] {
        return [flags](Context& context) {
          return RunVersion(context, flags->client_only, flags->output);
        };
      });
  app.add_flag("--client", flags->client_only, "Only of musterctl");
  app.add_option("-o,--output", flags->output, "json or yaml")
      ->check(CLI::IsMember({"json", "yaml"}));
}

}  // namespace muster::ctl
