#pragma once

#include "ctl/commands/context.h"

namespace muster::ctl {

class CommandLine;

// With which keys the store's Secrets are sealed.
int RunSealStatus(Context& context);
// Seals them all with a new key.
int RunSealRotate(Context& context);

void AddSeal(CommandLine& line);

}  // namespace muster::ctl
