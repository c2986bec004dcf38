#include "coordinator/process/join_command.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace muster::coordinator {

std::vector<std::string> ServerNames(const Settings& settings, const std::string& host_name) {
  std::vector<std::string> names;
  for (const std::string& address : settings.advertise_addresses) {
    if (const absl::StatusOr<NetworkAddress> parts = ParseNetworkAddress(address); parts.ok()) {
      names.push_back(parts->host);
    }
  }
  for (const std::string& name :
       {host_name, std::string("localhost"), std::string("127.0.0.1"), std::string("::1")}) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string AgentAddress(const Settings& settings, const std::string& host_name, int port) {
  NetworkAddress parts{host_name, std::nullopt};
  if (!settings.advertise_addresses.empty()) {
    const absl::StatusOr<NetworkAddress> first =
        ParseNetworkAddress(settings.advertise_addresses.front());
    if (first.ok()) parts = *first;
  }
  const bool is_v6 = parts.host.find(':') != std::string::npos;
  return absl::StrCat(is_v6 ? "[" : "", parts.host, is_v6 ? "]" : "", ":",
                      parts.port.value_or(port));
}

std::string JoinCommand(const std::string& address, const std::string& token,
                        const std::string& ca_hash) {
  return absl::StrCat("muster-agent join ", address, " --token ", token, " --ca-hash ", ca_hash);
}

}  // namespace muster::coordinator
