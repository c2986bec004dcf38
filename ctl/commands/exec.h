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
  bool quiet = false;
};

struct AttachOptions {
  std::string pod;  // As of exec.
  std::string container;
  bool stdin = false;
  bool tty = false;
  bool quiet = false;
};

// musterctl exec: this process's standard streams become those of the command; ends with its exit
// code. Reads and writes file descriptors 0, 1 and 2 directly.
int RunExec(Context& context, const ExecOptions& options);

// musterctl attach: likewise with the process that the container runs already. Ends with 0 when
// that ends, or when standard input does; the container goes on.
int RunAttach(Context& context, const AttachOptions& options);

void AddExec(CommandLine& line);
void AddAttach(CommandLine& line);

}  // namespace muster::ctl
