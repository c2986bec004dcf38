#pragma once

#include <string>

#include "ctl/commands/context.h"

namespace muster::ctl {

class CommandLine;

struct CanIOptions {
  std::string verb;
  std::string resource;     // KIND, KIND/NAME, or pods/SUBRESOURCE.
  std::string subresource;  // "log", "exec", ...
  bool list = false;        // Everything that is allowed instead of one question.
  bool headers = true;
  bool quiet = false;
};

// `auth can-i`: yes or no, and exit code 0 or 1 for it.
int RunCanI(Context& context, const CanIOptions& options);
// `auth whoami`
int RunWhoAmI(Context& context);

void AddAuth(CommandLine& line);

}  // namespace muster::ctl
