#pragma once

#include <string>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct CpOptions {
  std::string source, target;  // [[NAMESPACE/]POD:]PATH, one of them of a pod.
  std::string container;
  bool no_preserve = false;  // What arrives in the container belongs to who runs there.
};

// musterctl cp: files and folders to and from a container, by the tar in it.
int RunCp(Context& context, const CpOptions& options);

void AddCp(CommandLine& line);

}  // namespace muster::ctl
