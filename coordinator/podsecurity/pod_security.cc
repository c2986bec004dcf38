#include "coordinator/podsecurity/pod_security.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/podsecurity/pod_parts.h"

namespace muster::coordinator {
namespace {

constexpr std::pair<PodSecurityLevel, std::string_view> kLevels[] = {
    {PodSecurityLevel::kPrivileged, "privileged"},
    {PodSecurityLevel::kBaseline, "baseline"},
    {PodSecurityLevel::kRestricted, "restricted"}};

template <typename Containers>
void AddParts(const Containers& containers, std::vector<ContainerPart>& parts) {
  for (const auto& container : containers) {
    ContainerPart& part = parts.emplace_back();
    part.name = container.name();
    part.security = &container.security_context();
    part.ports = &container.ports();
    if (container.has_liveness_probe()) part.probes.push_back(&container.liveness_probe());
    if (container.has_readiness_probe()) part.probes.push_back(&container.readiness_probe());
    if (container.has_startup_probe()) part.probes.push_back(&container.startup_probe());
    const v1::Lifecycle& lifecycle = container.lifecycle();
    if (lifecycle.has_post_start()) part.handlers.push_back(&lifecycle.post_start());
    if (lifecycle.has_pre_stop()) part.handlers.push_back(&lifecycle.pre_stop());
  }
}

}  // namespace

std::string_view NameOf(PodSecurityLevel level) {
  for (const auto& entry : kLevels) {
    if (entry.first == level) return entry.second;
  }
  return "";
}

std::optional<PodSecurityLevel> PodSecurityLevelNamed(std::string_view name) {
  for (const auto& entry : kLevels) {
    if (entry.second == name) return entry.first;
  }
  return std::nullopt;
}

std::vector<ContainerPart> ContainersOf(const v1::PodSpec& spec) {
  std::vector<ContainerPart> parts;
  AddParts(spec.init_containers(), parts);
  AddParts(spec.containers(), parts);
  AddParts(spec.ephemeral_containers(), parts);
  return parts;
}

std::string QuotedList(const std::vector<std::string>& texts) {
  return absl::StrJoin(texts, ", ", [](std::string* out, const std::string& text) {
    absl::StrAppend(out, "\"", text, "\"");
  });
}

std::string ContainersText(const std::vector<std::string>& names) {
  return absl::StrCat(names.size() == 1 ? "container " : "containers ", QuotedList(names));
}

std::vector<PodSecurityViolation> CheckPodSecurity(PodSecurityLevel level,
                                                   const v1::ObjectMeta& metadata,
                                                   const v1::PodSpec& spec) {
  Violations violations;
  if (level == PodSecurityLevel::kPrivileged) return violations;
  CheckBaseline(metadata, spec, violations);
  if (level == PodSecurityLevel::kRestricted) CheckRestricted(spec, violations);
  return violations;
}

std::string PodSecurityText(PodSecurityLevel level,
                            const std::vector<PodSecurityViolation>& violations) {
  return absl::StrCat(
      "violates PodSecurity \"", std::string(NameOf(level)), ":latest\": ",
      absl::StrJoin(violations, ", ", [](std::string* out, const PodSecurityViolation& each) {
        absl::StrAppend(out, each.control, " (", each.detail, ")");
      }));
}

}  // namespace muster::coordinator
