#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct ExecOptions {
  std::string pod;  // POD, pod/NAME or ds/NAME
  std::string container;
  std::vector<std::string> command;
  bool stdin = false;
  bool tty = false;
};

// musterctl exec: this process's standard streams become those of the command; ends with its exit
// code. Reads and writes file descriptors 0, 1 and 2 directly.
int RunExec(Context& context, const ExecOptions& options);

void AddExec(CommandLine& line);

}  // namespace muster::ctl
