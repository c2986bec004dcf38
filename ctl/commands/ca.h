#pragma once

#include "ctl/commands/context.h"

namespace muster::ctl {

class CommandLine;

struct RotateOptions {
  bool finish = false, force = false;
};

// The CAs of the fleet, and who depends on the old one while it is replaced.
int RunCaStatus(Context& context);
// Begins to replace the CA, or ends it. Done already is done.
int RunCaRotate(Context& context, const RotateOptions& options);

void AddCa(CommandLine& line);

}  // namespace muster::ctl
