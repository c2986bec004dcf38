#include "ctl/commands/backup.h"

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ctl/commands/command_line.h"

namespace muster::ctl {
namespace {

constexpr char kProgram[] = "muster-coordinator";

// Becomes the coordinator's program; comes back only when that cannot be.
int Become(Context& context, std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  context.out.flush();
  ::execvp(argv.front(), argv.data());
  if (errno == ENOENT) {
    return Fail(context,
                absl::NotFoundError("muster-coordinator is not installed on this host; run "
                                    "this on the control host, as root"));
  }
  return Fail(context, absl::ErrnoToStatus(errno, "running muster-coordinator"));
}

}  // namespace

void AddBackup(CommandLine& line) {
  struct Options {
    std::string file, state_dir;
    bool replace = false;
  };
  for (const bool restores : {false, true}) {
    const auto options = std::make_shared<Options>();
    CLI::App& app =
        line.Add(restores ? "restore" : "backup",
                 restores ? "Make the coordinator of this host what it was when a backup was made"
                          : "Copy the store and the keys of this host's coordinator into one file",
                 [options, restores] {
                   return [options, restores](Context& context) {
                     std::vector<std::string> arguments = {
                         kProgram, restores ? "restore" : "backup", options->file};
                     if (!options->state_dir.empty())
                       arguments.push_back("--state-dir=" + options->state_dir);
                     if (options->replace) arguments.emplace_back("--replace");
                     return Become(context, std::move(arguments));
                   };
                 });
    app.add_option("FILE", options->file, "The backup")->required();
    app.add_option("--state-dir", options->state_dir,
                   "Of the coordinator (default: as its settings say)");
    if (restores) {
      app.add_flag("--replace", options->replace,
                   "Also when there is a store already, which is kept in a directory beside");
    }
  }
}

}  // namespace muster::ctl
