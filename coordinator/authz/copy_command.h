#pragma once

#include <string>
#include <vector>

namespace muster::coordinator {

// Is this one of the commands by which `musterctl cp` copies, and nothing else? They are
//   tar cf - PATH
//   test -d PATH
//   tar [--no-same-permissions --no-same-owner] -xmf - [-C DIR]
// word for word, with a PATH that no program takes for an option. Whoever has the right `cp` may
// run these in a container and no other; the right `exec` has them too. Pure.
bool IsCopyCommand(const std::vector<std::string>& command);

}  // namespace muster::coordinator
