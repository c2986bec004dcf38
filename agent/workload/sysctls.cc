#include "agent/workload/sysctls.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace muster::agent {
namespace {

// Namespaced, and without effect on other pods or on the node: Kubernetes' safe set.
constexpr std::string_view kSafe[] = {"kernel.shm_rmid_forced",
                                      "net.ipv4.ip_local_port_range",
                                      "net.ipv4.tcp_syncookies",
                                      "net.ipv4.ping_group_range",
                                      "net.ipv4.ip_unprivileged_port_start",
                                      "net.ipv4.ip_local_reserved_ports",
                                      "net.ipv4.tcp_keepalive_time",
                                      "net.ipv4.tcp_fin_timeout",
                                      "net.ipv4.tcp_keepalive_intvl",
                                      "net.ipv4.tcp_keepalive_probes",
                                      "net.ipv4.tcp_rmem",
                                      "net.ipv4.tcp_wmem"};

bool IsAllowed(const std::string& name, const std::vector<std::string>& allowed) {
  if (std::find(std::begin(kSafe), std::end(kSafe), name) != std::end(kSafe)) return true;
  return std::any_of(allowed.begin(), allowed.end(), [&name](const std::string& entry) {
    const std::string pattern = absl::StrReplaceAll(entry, {{"/", "."}});
    if (!absl::EndsWith(pattern, "*")) return pattern == name;
    return absl::StartsWith(name, pattern.substr(0, pattern.size() - 1));
  });
}

bool IsOfNetwork(const std::string& name) { return absl::StartsWith(name, "net."); }

bool IsOfIpc(const std::string& name) {
  return absl::StartsWith(name, "fs.mqueue.") || absl::StartsWith(name, "kernel.shm") ||
         absl::StartsWith(name, "kernel.msg") || name == "kernel.sem";
}

}  // namespace

std::optional<std::string> ForbiddenSysctl(const v1::PodSpec& spec,
                                           const std::vector<std::string>& allowed) {
  for (const v1::Sysctl& sysctl : spec.security_context().sysctls()) {
    const std::string name = absl::StrReplaceAll(sysctl.name(), {{"/", "."}});
    if (!IsAllowed(name, allowed)) {
      return absl::StrCat("forbidden sysctl: \"", name, "\" not allowlisted");
    }
    if (spec.host_network() && IsOfNetwork(name)) {
      return absl::StrCat("forbidden sysctl: \"", name, "\" not allowed with host net enabled");
    }
    if (spec.host_ipc() && IsOfIpc(name)) {
      return absl::StrCat("forbidden sysctl: \"", name, "\" not allowed with host ipc enabled");
    }
  }
  return std::nullopt;
}

}  // namespace muster::agent
