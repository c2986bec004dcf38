#include "ctl/commands/command_line.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster::ctl {
namespace {

// "rollout status"
std::string FullName(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  if (parent == nullptr || parent->get_parent() == nullptr) return command.get_name();
  return absl::StrCat(FullName(*parent), " ", command.get_name());
}

// "-o=wide", as kubectl's users write, is "-o wide"; CLI11 would take "=wide" for the value. Only
// of the letters that have a value in every command.
std::vector<std::string> SplitShortOptions(const std::vector<std::string>& arguments) {
  constexpr std::string_view kWithValue = "snolLc";
  std::vector<std::string> split;
  bool options = true;
  for (const std::string& argument : arguments) {
    options = options && argument != "--";
    const bool has_value = argument.size() > 3 && argument[0] == '-' && argument[2] == '=' &&
                           kWithValue.find(argument[1]) != std::string_view::npos;
    if (options && has_value) {
      split.push_back(argument.substr(0, 2));
      split.push_back(argument.substr(3));
    } else {
      split.push_back(argument);
    }
  }
  return split;
}

}  // namespace

CommandLine::CommandLine() {
  app_.require_subcommand(1);
  app_.add_option("-s,--server", server_, "Address of the coordinator: unix:/path or host:port");
  app_.add_option("--config", config_, "File that says who you are and where the coordinator is");
  ns_option_ = app_.add_option("-n,--namespace", ns_, "Namespace to work in");
}

CLI::App& CommandLine::Group(const std::string& name, const std::string& description) {
  CLI::App*& group = groups_[name];
  if (group != nullptr) return *group;
  group = app_.add_subcommand(name, description);
  group->fallthrough();
  group->require_subcommand(1);
  return *group;
}

CLI::App& CommandLine::Add(const std::string& name, const std::string& description, Prepare prepare,
                           CLI::App* group) {
  CLI::App* command = (group == nullptr ? app_ : *group).add_subcommand(name, description);
  command->fallthrough();
  command->final_callback([this, command] { chosen_ = command; });
  commands_[command] = std::move(prepare);
  return *command;
}

void CommandLine::AddAllNamespaces(CLI::App& command) {
  command.add_flag("-A,--all-namespaces", all_namespaces_, "Of every namespace");
}

std::string CommandLine::ChangeCause() const {
  std::map<std::string, std::string> flags;
  for (const CLI::App* app : {chosen_, &app_}) {
    if (app == nullptr) continue;
    for (const CLI::Option* option : app->get_options()) {
      if (option->count() == 0 || option->get_lnames().empty()) continue;
      const std::string& name = option->get_lnames().front();
      if (name == "server" || name == "config") continue;  // Where and who is not why.
      flags[name] = absl::StrJoin(option->results(), ",");
    }
  }
  std::string text = "musterctl";
  if (chosen_ != nullptr) absl::StrAppend(&text, " ", FullName(*chosen_));
  for (const auto& [name, value] : flags) absl::StrAppend(&text, " --", name, "=", value);
  return text;
}

std::variant<CommandLine::Action, int> CommandLine::Parse(std::vector<std::string> arguments,
                                                          std::ostream& out, std::ostream& err) {
  const auto usage = [&err](std::string_view what) {
    err << "error: " << what << "\nSee 'musterctl --help'.\n";
    return kExitUsage;
  };
  arguments = SplitShortOptions(arguments);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
  try {
    app_.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_.exit(error, out, err);  // --help
    return usage(error.what());
  }
  absl::StatusOr<Action> action = commands_.at(chosen_)();
  if (!action.ok()) return usage(std::string(action.status().message()));
  return *std::move(action);
}

}  // namespace muster::ctl
