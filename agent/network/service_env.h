#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/network/service_table.h"

namespace muster::agent {

// The variables that containers of a namespace get of its Services (enableServiceLinks), as the
// kubelet makes them: WEB_SERVICE_HOST, WEB_SERVICE_PORT, WEB_SERVICE_PORT_HTTP, and those of
// Docker's links, WEB_PORT and WEB_PORT_80_TCP with _PROTO, _PORT and _ADDR. Headless Services have
// none. By Service. Pure.
std::vector<std::pair<std::string, std::string>> ServiceVariables(const ServiceTable& table,
                                                                  const std::string& ns);

}  // namespace muster::agent
