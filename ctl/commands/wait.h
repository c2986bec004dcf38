#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ctl/commands/context.h"
#include "ctl/commands/selection.h"

namespace muster::ctl {

struct WaitOptions {
  std::vector<std::string> arguments;  // KIND/NAME..., KIND NAME..., KIND with -l or --all
  Selection selection;
  // delete, create, condition=TYPE[=VALUE] (True), jsonpath=PATH[=VALUE]
  std::string condition;
  // For all of them together; nothing: without end; 0: look once.
  std::optional<std::chrono::milliseconds> timeout = std::chrono::seconds(30);
};

// musterctl wait
int RunWait(Context& context, const WaitOptions& options);

void AddWait(CommandLine& line);

}  // namespace muster::ctl
