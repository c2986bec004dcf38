#include "agent/settings/join_line.h"

#include <CLI/CLI.hpp>

#include "common/config/parse_line.h"

namespace muster::agent {

JoinLine ParseJoinLine(int argc, const char* const* argv) {
  JoinLine line;
  JoinFlags& flags = line.options.flags;
  CLI::App app{"Makes this host a node: gets a certificate and writes the settings.",
               "muster-agent join"};
  app.add_option("coordinator", flags.coordinator, "Where the coordinator is")
      ->option_text("HOST:PORT")
      ->required();
  app.add_option("--token", flags.token, "From 'musterctl token create' on the control host")
      ->option_text("ID.SECRET")
      ->required();
  app.add_option("--ca-hash", flags.ca_hash, "Which coordinator to trust; printed with the token")
      ->option_text("sha256:HEX")
      ->required();
  app.add_option("--node-name", flags.node_name, "Name of the node; default: the host's name")
      ->option_text("NAME");
  app.add_option("--label", flags.labels, "Label of the node; may be repeated")
      ->option_text("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("--taint", flags.taints, "Taint of the node; may be repeated")
      ->option_text("KEY[=VALUE]:EFFECT")
      ->allow_extra_args(false);
  app.add_option("--network", line.options.network,
                 "bridge: the agent gives pods a network where the host has no CNI configuration")
      ->check(CLI::IsMember({"none", "bridge"}))
      ->option_text("none|bridge");
  app.add_option("--config", line.options.config_path, "Settings file to write")
      ->option_text("FILE")
      ->capture_default_str();
  app.add_option("--state-dir", line.options.state_dir, "Where key and certificate are kept")
      ->option_text("DIR")
      ->capture_default_str();
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  return line;
}

}  // namespace muster::agent
