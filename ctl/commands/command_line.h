#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// What the words of a command line mean: the commands, their flags and their help.
//
// Each command adds itself from its own file (commands/all.cc has the list) and keeps its options
// in closures that live as long as this does. Parse only says which command is meant; it runs
// nothing and needs no coordinator. One thread.
class CommandLine {
 public:
  // Does what a command is for and returns the exit code.
  using Action = std::function<int(Context&)>;
  // Called for the command that was chosen, once all flags are read. InvalidArgument says what is
  // wrong with them.
  using Prepare = std::function<absl::StatusOr<Action>()>;

  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // A word before several commands, such as "rollout". Asked for again, it is the same one.
  CLI::App& Group(const std::string& name, const std::string& description);
  // A command of the program itself, or of a group.
  CLI::App& Add(const std::string& name, const std::string& description, Prepare prepare,
                CLI::App* group = nullptr);
  // -A
  void AddAllNamespaces(CLI::App& command);

  const std::string& server() const { return server_; }
  const std::string& config() const { return config_; }
  const std::string& ns() const { return ns_; }
  bool namespace_given() const { return ns_option_->count() > 0; }
  bool all_namespaces() const { return all_namespaces_; }
  const CLI::App& root() const { return app_; }

  // What --record keeps: the program, the chosen command and the flags that were given, by name.
  std::string ChangeCause() const;

  // `arguments` are without the program's name. The action that was asked for; or else what to exit
  // with, after help was printed to `out` or a mistake to `err`.
  std::variant<Action, int> Parse(std::vector<std::string> arguments, std::ostream& out,
                                  std::ostream& err);

 private:
  CLI::App app_{"musterctl controls DaemonSets on a fleet of hosts", "musterctl"};
  std::string server_, config_;
  std::string ns_ = "default";
  bool all_namespaces_ = false;
  CLI::Option* ns_option_ = nullptr;
  std::map<std::string, CLI::App*> groups_;
  std::map<const CLI::App*, Prepare> commands_;
  const CLI::App* chosen_ = nullptr;
};

}  // namespace muster::ctl
