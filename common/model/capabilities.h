#pragma once

#include <string>
#include <string_view>

namespace muster::model {

// A capability by the name that container runtimes use: in capitals, without "CAP_".
std::string CapabilityName(std::string_view name);

// Whether the kernel has one of that name, in any of the ways it is written, or it is "ALL".
bool IsCapabilityName(std::string_view name);

}  // namespace muster::model
