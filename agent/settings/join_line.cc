#include "agent/settings/join_line.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace muster::agent {

JoinLine ParseJoinLine(int argc, const char* const* argv) {
  constexpr int kUsageError = 64;
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
  app.add_option("--config", line.options.config_path, "Settings file to write")
      ->option_text("FILE")
      ->capture_default_str();
  app.add_option("--state-dir", line.options.state_dir, "Where key and certificate are kept")
      ->option_text("DIR")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    line.print_and_exit = true;
    std::ostringstream out, err;
    app.exit(e, out, err);
    line.text = out.str();
  } catch (const CLI::ParseError& e) {
    line.print_and_exit = true;
    line.exit_code = kUsageError;
    line.text = absl::StrCat("muster-agent join: ", e.what(),
                             "\nRun 'muster-agent join --help' for the flags.\n");
  }
  return line;
}

}  // namespace muster::agent
