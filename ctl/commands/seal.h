#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

class CommandLine;

// With which keys the store's Secrets are sealed.
int RunSealStatus(Context& context);
// Whose key: the store's when there are none.
struct SealNodes {
  bool all = false;
  std::vector<std::string> names;
};
// Seals them all with a new key.
int RunSealRotate(Context& context, const SealNodes& nodes);

void AddSeal(CommandLine& line);

}  // namespace muster::ctl
