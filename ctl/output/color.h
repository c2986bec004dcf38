#pragma once

#include <ostream>
#include <string_view>

namespace muster::ctl {

enum class Color { kRed, kYellow };

// Writes `text` as a terminal shows it in this colour; as it is when that is not `wanted`.
void PrintColored(std::ostream& out, std::string_view text, Color color, bool wanted);

// Whether what is written to this file descriptor is to be coloured: it is a terminal that knows
// colours, and the user did not ask for none (NO_COLOR, TERM=dumb).
bool WantsColor(int fd);

}  // namespace muster::ctl
