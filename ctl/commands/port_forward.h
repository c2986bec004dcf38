#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct PortForwardOptions {
  std::string pod;                 // POD, pod/NAME or ds/NAME
  std::vector<std::string> ports;  // [LOCAL:]REMOTE
  std::string address = "localhost";
};

// musterctl port-forward: listens on this machine and carries every connection to the pod, until
// the pod is gone or the coordinator is, which is an error. Uses threads: two for a connection.
int RunPortForward(Context& context, const PortForwardOptions& options);

void AddPortForward(CommandLine& line);

}  // namespace muster::ctl
