#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/podsecurity/pod_parts.h"

namespace muster::coordinator {
namespace {

using google::protobuf::FieldDescriptor;

// The source of a volume by its name in manifests; a volume without one is an emptyDir.
std::string SourceOf(const v1::Volume& volume) {
  std::vector<const FieldDescriptor*> fields;
  volume.GetReflection()->ListFields(volume, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return field->json_name();
  }
  return "emptyDir";
}

void CheckVolumeTypes(const v1::PodSpec& spec, Violations& violations) {
  constexpr std::string_view kAllowed[] = {"configMap", "csi",       "downwardAPI",
                                           "emptyDir",  "ephemeral", "persistentVolumeClaim",
                                           "projected", "secret"};
  std::vector<std::string> bad;
  for (const v1::Volume& volume : spec.volumes()) {
    const std::string source = SourceOf(volume);
    if (std::find(std::begin(kAllowed), std::end(kAllowed), source) != std::end(kAllowed)) continue;
    bad.push_back(absl::StrCat("volume \"", volume.name(), "\" uses restricted volume type \"",
                               source, "\""));
  }
  if (!bad.empty()) violations.push_back({"restricted volume types", absl::StrJoin(bad, ", ")});
}

void CheckPrivilegeEscalation(const std::vector<ContainerPart>& containers,
                              Violations& violations) {
  std::vector<std::string> names;
  for (const ContainerPart& container : containers) {
    const bool refused = container.security->has_allow_privilege_escalation() &&
                         !container.security->allow_privilege_escalation();
    if (!refused) names.push_back(container.name);
  }
  if (names.empty()) return;
  violations.push_back({"allowPrivilegeEscalation != false",
                        absl::StrCat(ContainersText(names),
                                     " must set securityContext.allowPrivilegeEscalation=false")});
}

// Said by the pod for all its containers, or by every one that the pod does not speak for.
void CheckNonRoot(const v1::PodSpec& spec, const std::vector<ContainerPart>& containers,
                  Violations& violations) {
  const v1::PodSecurityContext& pod = spec.security_context();
  std::vector<std::string> explicitly, silent;
  for (const ContainerPart& container : containers) {
    if (container.security->has_run_as_non_root()) {
      if (!container.security->run_as_non_root()) explicitly.push_back(container.name);
    } else if (!pod.run_as_non_root()) {
      silent.push_back(container.name);
    }
  }
  std::vector<std::string> details;
  if (!explicitly.empty()) {
    details.push_back(absl::StrCat(ContainersText(explicitly),
                                   " must not set securityContext.runAsNonRoot=false"));
  }
  if (!silent.empty() && pod.has_run_as_non_root()) {
    details.emplace_back("pod must not set securityContext.runAsNonRoot=false");
  } else if (!silent.empty()) {
    details.push_back(absl::StrCat("pod or ", ContainersText(silent),
                                   " must set securityContext.runAsNonRoot=true"));
  }
  if (!details.empty()) {
    violations.push_back({"runAsNonRoot != true", absl::StrJoin(details, "; ")});
  }
}

void CheckUser(const v1::PodSpec& spec, const std::vector<ContainerPart>& containers,
               Violations& violations) {
  std::vector<std::string> details;
  const v1::PodSecurityContext& pod = spec.security_context();
  if (pod.has_run_as_user() && pod.run_as_user() == 0) details.emplace_back("pod");
  std::vector<std::string> names;
  for (const ContainerPart& container : containers) {
    if (container.security->has_run_as_user() && container.security->run_as_user() == 0) {
      names.push_back(container.name);
    }
  }
  if (!names.empty()) details.push_back(ContainersText(names));
  if (details.empty()) return;
  violations.push_back(
      {"runAsUser=0", absl::StrCat(absl::StrJoin(details, " and "), " must not set runAsUser=0")});
}

void CheckSeccompIsSet(const v1::PodSpec& spec, const std::vector<ContainerPart>& containers,
                       Violations& violations) {
  // What is set and wrong, baseline has found.
  if (!spec.security_context().seccomp_profile().type().empty()) return;
  std::vector<std::string> names;
  for (const ContainerPart& container : containers) {
    if (container.security->seccomp_profile().type().empty()) names.push_back(container.name);
  }
  if (names.empty()) return;
  violations.push_back(
      {"seccompProfile", absl::StrCat("pod or ", ContainersText(names),
                                      " must set securityContext.seccompProfile.type to "
                                      "\"RuntimeDefault\" or \"Localhost\"")});
}

void CheckAllCapabilities(const std::vector<ContainerPart>& containers, Violations& violations) {
  std::vector<std::string> keep, details;
  for (const ContainerPart& container : containers) {
    const v1::Capabilities& capabilities = container.security->capabilities();
    const auto& drop = capabilities.drop();
    if (std::find(drop.begin(), drop.end(), "ALL") == drop.end()) keep.push_back(container.name);
    std::vector<std::string> added;
    for (const std::string& name : capabilities.add()) {
      if (name != "NET_BIND_SERVICE") added.push_back(name);
    }
    if (added.empty()) continue;
    details.push_back(absl::StrCat("container \"", container.name, "\" must not include ",
                                   QuotedList(added), " in securityContext.capabilities.add"));
  }
  if (!keep.empty()) {
    details.insert(details.begin(),
                   absl::StrCat(ContainersText(keep),
                                " must set securityContext.capabilities.drop=[\"ALL\"]"));
  }
  if (!details.empty()) {
    violations.push_back({"unrestricted capabilities", absl::StrJoin(details, "; ")});
  }
}

}  // namespace

void CheckRestricted(const v1::PodSpec& spec, Violations& violations) {
  const std::vector<ContainerPart> containers = ContainersOf(spec);
  CheckVolumeTypes(spec, violations);
  CheckPrivilegeEscalation(containers, violations);
  CheckNonRoot(spec, containers, violations);
  CheckUser(spec, containers, violations);
  CheckSeccompIsSet(spec, containers, violations);
  CheckAllCapabilities(containers, violations);
}

}  // namespace muster::coordinator
