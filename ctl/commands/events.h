#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct EventsOptions {
  std::string about;               // --for: KIND/NAME
  std::vector<std::string> types;  // Normal, Warning; empty: all.
  std::string output;              // "" or what ObjectFormat takes.
  bool headers = true;
  bool watch = false;
};

// musterctl events: what happened, the latest last.
int RunEvents(Context& context, const EventsOptions& options);

void AddEvents(CommandLine& line);

}  // namespace muster::ctl
