#include "agent/network/service_env.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

std::string VariableName(const std::string& name) {
  std::string upper = absl::AsciiStrToUpper(name);
  std::replace(upper.begin(), upper.end(), '-', '_');
  return upper;
}

std::string UrlHost(const std::string& ip) {
  return ip.find(':') == std::string::npos ? ip : absl::StrCat("[", ip, "]");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ServiceVariables(const ServiceTable& table,
                                                                  const std::string& ns) {
  std::vector<std::pair<std::string, std::string>> variables;
  const auto add = [&variables](std::string name, std::string value) {
    variables.emplace_back(std::move(name), std::move(value));
  };
  const std::string prefix = absl::StrCat(ns, "/");
  for (auto it = table.services().lower_bound(prefix);
       it != table.services().end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    const network::v1::Service& service = *it->second;
    if (service.cluster_ips().empty() || service.ports().empty()) continue;
    const std::string& ip = service.cluster_ips(0);
    const std::string name = VariableName(service.name());
    add(absl::StrCat(name, "_SERVICE_HOST"), ip);
    add(absl::StrCat(name, "_SERVICE_PORT"), absl::StrCat(service.ports(0).port()));
    for (const network::v1::Port& port : service.ports()) {
      if (port.name().empty()) continue;
      add(absl::StrCat(name, "_SERVICE_PORT_", VariableName(port.name())),
          absl::StrCat(port.port()));
    }
    bool first = true;
    for (const network::v1::Port& port : service.ports()) {
      const std::string protocol = absl::AsciiStrToLower(port.protocol());
      const std::string url = absl::StrCat(protocol, "://", UrlHost(ip), ":", port.port());
      if (first) add(absl::StrCat(name, "_PORT"), url);
      first = false;
      const std::string of =
          absl::StrCat(name, "_PORT_", port.port(), "_", absl::AsciiStrToUpper(protocol));
      add(of, url);
      add(absl::StrCat(of, "_PROTO"), protocol);
      add(absl::StrCat(of, "_PORT"), absl::StrCat(port.port()));
      add(absl::StrCat(of, "_ADDR"), ip);
    }
  }
  return variables;
}

}  // namespace muster::agent
