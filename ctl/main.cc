#include <pwd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/pki/grpc_credentials.h"
#include "common/protolog/protobuf_log.h"
#include "ctl/client/connect.h"
#include "ctl/client/expiry.h"
#include "ctl/commands/all.h"
#include "ctl/commands/complete.h"
#include "ctl/output/color.h"
#include "ctl/output/escape.h"

namespace muster::ctl {
namespace {

ConfigFileChoice ConfigOf(const std::string& flag) {
  if (!flag.empty()) return {flag, true, true};
  for (const char* variable : {"MUSTERCONFIG", "MUSTER_CONFIG"}) {
    const char* given = std::getenv(variable);
    if (given != nullptr && *given != '\0') return {given, true, false};
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr) {
    const passwd* user = ::getpwuid(::getuid());
    home = user == nullptr ? "/" : user->pw_dir;
  }
  return {absl::StrCat(home, "/.config/muster/config.yaml"), false, false};
}

// Names for the shell's completion, from whichever coordinator the words so far mean. A shell that
// waits says nothing, so trouble is no answer.
std::vector<std::string> NamesOf(const model::KindInfo& kind, const CompletionScope& scope) {
  auto endpoint = FindEndpoint(scope.server, std::getenv("MUSTER_SERVER"), ConfigOf(scope.config));
  if (!endpoint.ok()) return {};
  auto client = Connect(*endpoint);
  if (!client.ok()) return {};
  admin::v1::ListRequest request;
  request.set_resource(std::string(kind.plural));
  if (kind.namespaced) request.set_namespace_(scope.ns);
  request.set_as_table(true);
  const auto list = (*client)->List(request);
  std::vector<std::string> names;
  if (!list.ok()) return names;
  for (const auto& row : list->table().rows()) names.push_back(row.name());
  return names;
}

int Run(int argc, char** argv) {
  // gRPC's own resolver asks DNS for an IPv6 address even where /etc/hosts has the answer, and
  // waits for seconds where no DNS answers. Whoever set it otherwise has a reason.
  ::setenv("GRPC_DNS_RESOLVER", "native", /*overwrite=*/0);
  // What went wrong is said once, by us.
  ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  pki::RequireTls13();
  TakeProtobufLog([](bool fatal, const std::string& line) {
    if (fatal) std::cerr << line << std::endl;
  });
  CommandLine line;
  AddAllCommands(line);
  if (argc > 1 && std::string_view(argv[1]) == "__complete") {
    std::cout << CompletionText(Complete(line.root(), {argv + 2, argv + argc}, NamesOf));
    return kExitDone;
  }
  const auto parsed = line.Parse({argv + 1, argv + argc}, std::cout, std::cerr);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  // What a coordinator or a node says may be hostile to a terminal.
  EscapingBuffer out_buffer(std::cout.rdbuf(), ::isatty(STDOUT_FILENO) == 1);
  EscapingBuffer err_buffer(std::cerr.rdbuf(), ::isatty(STDERR_FILENO) == 1);
  std::ostream out(&out_buffer), err(&err_buffer);
  std::unique_ptr<AdminClient> client;
  Context context{.client = nullptr,
                  .server = line.server(),
                  .config_file = ConfigOf(line.config()).path,
                  .ns = line.ns(),
                  .all_namespaces = line.all_namespaces(),
                  .in = std::cin,
                  .out = out,
                  .err = err,
                  .color_out = WantsColor(STDOUT_FILENO),
                  .color_err = WantsColor(STDERR_FILENO)};
  context.client = [&]() -> absl::StatusOr<AdminClient*> {
    if (client != nullptr) return client.get();
    auto endpoint =
        FindEndpoint(line.server(), std::getenv("MUSTER_SERVER"), ConfigOf(line.config()));
    if (!endpoint.ok()) return endpoint.status();
    context.server = endpoint->server;
    if (!absl::StartsWith(endpoint->server, "unix:")) {
      const Expiry expiry =
          CheckExpiry(endpoint->certificate_pem, context.config_file, SystemClock().Wall());
      if (!expiry.usable.ok()) return expiry.usable;
      if (!expiry.warning.empty()) Warn(context, expiry.warning);
    }
    auto connected = Connect(*endpoint);
    if (!connected.ok()) return connected.status();
    client = std::move(*connected);
    return client.get();
  };
  const int exit_code = std::get<CommandLine::Action>(parsed)(context);
  out.flush();
  err.flush();
  return exit_code;
}

}  // namespace
}  // namespace muster::ctl

int main(int argc, char** argv) {
  // A reader that went away (`| head`) ends the output, not with a signal's noise.
  std::signal(SIGPIPE, SIG_IGN);
  return muster::ctl::Run(argc, argv);
}
