#include <pwd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "ctl/client/connect.h"
#include "ctl/commands/all.h"
#include "ctl/output/color.h"

namespace muster::ctl {
namespace {

std::string UserConfigPath() {
  if (const char* given = std::getenv("MUSTER_CONFIG")) return given;
  const char* home = std::getenv("HOME");
  if (home == nullptr) {
    const passwd* user = ::getpwuid(::getuid());
    home = user == nullptr ? "/" : user->pw_dir;
  }
  return absl::StrCat(home, "/.config/muster/config.yaml");
}

int Run(int argc, char** argv) {
  // gRPC's own resolver asks DNS for an IPv6 address even where /etc/hosts has the answer, and
  // waits for seconds where no DNS answers. Whoever set it otherwise has a reason.
  ::setenv("GRPC_DNS_RESOLVER", "native", /*overwrite=*/0);
  // What went wrong is said once, by us.
  ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  CommandLine line;
  AddAllCommands(line);
  const auto parsed = line.Parse({argv + 1, argv + argc}, std::cout, std::cerr);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  std::unique_ptr<AdminClient> client;
  Context context{.client = nullptr,
                  .server = line.server(),
                  .ns = line.ns(),
                  .all_namespaces = line.all_namespaces(),
                  .in = std::cin,
                  .out = std::cout,
                  .err = std::cerr,
                  .color_out = WantsColor(STDOUT_FILENO),
                  .color_err = WantsColor(STDERR_FILENO)};
  context.client = [&]() -> absl::StatusOr<AdminClient*> {
    if (client != nullptr) return client.get();
    auto endpoint = FindEndpoint(line.server(), std::getenv("MUSTER_SERVER"), UserConfigPath());
    if (!endpoint.ok()) return endpoint.status();
    context.server = endpoint->server;
    auto connected = Connect(*endpoint);
    if (!connected.ok()) return connected.status();
    client = std::move(*connected);
    return client.get();
  };
  return std::get<CommandLine::Action>(parsed)(context);
}

}  // namespace
}  // namespace muster::ctl

int main(int argc, char** argv) {
  // A reader that went away (`| head`) ends the output, not with a signal's noise.
  std::signal(SIGPIPE, SIG_IGN);
  return muster::ctl::Run(argc, argv);
}
