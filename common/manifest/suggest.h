#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster::manifest {

// Which of `candidates` somebody who wrote `text` may have meant: the same in other case or
// punctuation (hostport, host_port), or a slip of few letters. Empty when nothing is near.
std::string Suggest(std::string_view text, const std::vector<std::string_view>& candidates);

}  // namespace muster::manifest
