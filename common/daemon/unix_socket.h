#pragma once

#include <string>

namespace muster {

// Does a process of this host listen at the unix socket of this path? A file that one left behind
// when it was killed does not answer.
bool SomebodyListensAt(const std::string& path);

}  // namespace muster
