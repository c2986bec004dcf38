#include "agent/workload/host_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/model/capabilities.h"
#include "common/model/host_reach.h"

namespace muster::agent {
namespace {

std::string Said(const std::string& what, const char* setting) {
  return absl::StrCat("the owner of this host does not allow ", what, " (", setting,
                      " in agent.yaml)");
}

template <typename Containers>
std::optional<std::string> ForbiddenIn(const Containers& containers, const HostRules& rules) {
  for (const auto& container : containers) {
    const v1::SecurityContext& security = container.security_context();
    const std::string who = absl::StrCat("container \"", container.name(), "\"");
    if (security.privileged() && (rules.forbid_privileged || rules.capabilities)) {
      return Said(absl::StrCat("privileged containers: ", who),
                  rules.forbid_privileged ? "hostRules.privileged" : "hostRules.capabilities");
    }
    if (!rules.capabilities) continue;
    for (const std::string& name : security.capabilities().add()) {
      const std::string wanted = model::CapabilityName(name);
      const bool allowed = std::any_of(
          rules.capabilities->begin(), rules.capabilities->end(),
          [&](const std::string& each) { return model::CapabilityName(each) == wanted; });
      if (allowed) continue;
      return Said(absl::StrCat("the capability ", wanted, ": ", who), "hostRules.capabilities");
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> ForbiddenByHost(const v1::PodSpec& spec, const HostRules& rules) {
  if (spec.host_network() && rules.forbid_host_network) {
    return Said("hostNetwork", "hostRules.hostNetwork");
  }
  if (spec.host_pid() && rules.forbid_host_pid) return Said("hostPID", "hostRules.hostPID");
  if (spec.host_ipc() && rules.forbid_host_ipc) return Said("hostIPC", "hostRules.hostIPC");
  if (auto found = ForbiddenIn(spec.init_containers(), rules)) return found;
  if (auto found = ForbiddenIn(spec.containers(), rules)) return found;
  if (rules.host_paths) {
    for (const model::PodUse& use : model::HostPathsOf(spec)) {
      if (model::IsBelow(use.value, *rules.host_paths)) continue;
      return Said(absl::StrCat("the path ", use.value, ": ", use.what), "hostRules.hostPaths");
    }
  }
  if (rules.registries) {
    for (const model::PodUse& use : model::ImagesOf(spec)) {
      if (model::IsFrom(use.value, *rules.registries)) continue;
      return Said(absl::StrCat("the image ", use.value, ": ", use.what), "hostRules.registries");
    }
  }
  return std::nullopt;
}

}  // namespace muster::agent
