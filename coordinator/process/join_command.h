#pragma once

#include <string>
#include <vector>

#include "coordinator/settings/settings.h"

namespace muster::coordinator {

// Every name and address for the server's certificate: those that are advertised, the host's name,
// and those that always mean this host. Pure.
std::vector<std::string> ServerNames(const Settings& settings, const std::string& host_name);

// Where agents find this coordinator: the first advertised address, or the host's name; with
// `port` unless it has one of its own. Pure.
std::string AgentAddress(const Settings& settings, const std::string& host_name, int port);

// What to run on a host that is to become a node. Pure.
std::string JoinCommand(const std::string& address, const std::string& token,
                        const std::string& ca_hash);

}  // namespace muster::coordinator
