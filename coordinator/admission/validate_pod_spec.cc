#include "coordinator/admission/validate_pod_spec.h"

#include <set>
#include <string>
#include <utility>

#include "common/model/names.h"
#include "coordinator/admission/validate_common.h"
#include "coordinator/admission/validate_container.h"
#include "coordinator/admission/validate_resize.h"
#include "coordinator/admission/validate_selectors.h"
#include "coordinator/admission/validate_volume.h"

namespace muster::coordinator {
namespace {

constexpr int kNameserversMax = 3;
constexpr int kSearchesMax = 32;
constexpr size_t kSearchLengthMax = 2048;

// A list of texts as JSON.
template <typename Texts>
std::string ListText(const Texts& texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    if (list.size() > 1) list += ',';
    list += Quoted(text);
  }
  return list + "]";
}

void ValidateDns(const FieldPath& path, const v1::PodSpec& spec, Problems& problems) {
  CheckOneOf(path.Child("dnsPolicy"), spec.dns_policy(),
             {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"}, true, problems);
  const FieldPath config_path = path.Child("dnsConfig");
  const v1::PodDNSConfig& config = spec.dns_config();
  const bool none = spec.dns_policy() == "None";
  if (!spec.has_dns_config()) {
    if (none) {
      problems.Required(config_path, "must provide `dnsConfig` when `dnsPolicy` is None");
    }
    return;
  }
  const FieldPath nameservers = config_path.Child("nameservers");
  if (none && config.nameservers().empty()) {
    problems.Required(nameservers,
                      "must provide at least one DNS nameserver when `dnsPolicy` is None");
  }
  if (config.nameservers_size() > kNameserversMax) {
    problems.Invalid(nameservers, ListText(config.nameservers()),
                     "must not have more than 3 nameservers");
  }
  for (int i = 0; i < config.nameservers_size(); ++i) {
    CheckIpAddress(nameservers.Index(i), config.nameservers(i), problems);
  }
  const FieldPath searches = config_path.Child("searches");
  if (config.searches_size() > kSearchesMax) {
    problems.Invalid(searches, ListText(config.searches()),
                     "must not have more than 32 search paths");
  }
  size_t length = 0;
  for (int i = 0; i < config.searches_size(); ++i) {
    std::string domain = config.searches(i);
    length += domain.size() + (i > 0 ? 1 : 0);
    if (domain.size() > 1 && domain.ends_with('.')) domain.pop_back();
    if (domain == ".") continue;  // The root itself.
    problems.InvalidTexts(searches.Index(i), domain, model::CheckDnsSubdomain(domain));
  }
  if (length > kSearchLengthMax) {
    problems.Invalid(searches, ListText(config.searches()),
                     "must not have more than 2048 characters (including spaces) in the search "
                     "list");
  }
  for (int i = 0; i < config.options_size(); ++i) {
    if (config.options(i).name().empty()) {
      problems.Required(config_path.Child("options").Index(i).Child("name"), "must not be empty");
    }
  }
}

void ValidatePodSecurity(const FieldPath& spec_path, const v1::PodSpec& spec, Problems& problems) {
  const FieldPath path = spec_path.Child("securityContext");
  const v1::PodSecurityContext& context = spec.security_context();
  if (context.has_run_as_user()) {
    CheckUserId(path.Child("runAsUser"), context.run_as_user(), problems);
  }
  if (context.has_run_as_group()) {
    CheckUserId(path.Child("runAsGroup"), context.run_as_group(), problems);
  }
  if (context.has_fs_group()) CheckUserId(path.Child("fsGroup"), context.fs_group(), problems);
  CheckOneOf(path.Child("fsGroupChangePolicy"), context.fs_group_change_policy(),
             {"OnRootMismatch", "Always"}, false, problems);
  for (int i = 0; i < context.supplemental_groups_size(); ++i) {
    CheckUserId(path.Child("supplementalGroups").Index(i), context.supplemental_groups(i),
                problems);
  }
  if (context.has_seccomp_profile()) {
    ValidateSeccomp(path.Child("seccompProfile"), context.seccomp_profile(), problems);
  }
  if (context.has_app_armor_profile()) {
    ValidateAppArmor(path.Child("appArmorProfile"), context.app_armor_profile(), problems);
  }
  std::set<std::string> sysctls;
  for (int i = 0; i < context.sysctls_size(); ++i) {
    const std::string& name = context.sysctls(i).name();
    const FieldPath at = path.Child("sysctls").Index(i).Child("name");
    if (name.empty()) {
      problems.Required(at);
    } else if (!sysctls.insert(name).second) {
      problems.Duplicate(at, name);
    } else if (spec.host_network() && (name.starts_with("net.") || name.starts_with("net/"))) {
      problems.InvalidText(at, name, "may not be specified when 'hostNetwork' is true");
    } else if (spec.host_ipc() &&
               (name.starts_with("kernel.shm") || name.starts_with("fs.mqueue.") ||
                name.starts_with("kernel.msg") || name == "kernel.sem")) {
      problems.InvalidText(at, name, "may not be specified when 'hostIPC' is true");
    }
  }
  if (spec.share_process_namespace() && spec.host_pid()) {
    problems.Invalid(spec_path.Child("shareProcessNamespace"), "true",
                     "ShareProcessNamespace and HostPID cannot both be enabled");
  }
}

// A name of another object that may be left out.
void CheckOptionalName(const FieldPath& path, const std::string& name, Problems& problems) {
  if (!name.empty()) problems.InvalidTexts(path, name, model::CheckDnsSubdomain(name));
}

}  // namespace

void ValidatePodSpec(const FieldPath& path, const v1::PodSpec& spec, PodUse use,
                     Problems& problems) {
  const std::set<std::string> volumes =
      ValidateVolumes(path.Child("volumes"), spec.volumes(), problems);
  ValidateContainers(path, spec, use, volumes, problems);
  ValidateResizePolicies(path, spec, problems);
  CheckOneOf(path.Child("restartPolicy"), spec.restart_policy(), {"Always", "OnFailure", "Never"},
             true, problems);
  ValidateDns(path, spec, problems);
  CheckNotNegative(path.Child("terminationGracePeriodSeconds"),
                   spec.termination_grace_period_seconds(), problems);
  if (spec.has_active_deadline_seconds() &&
      (spec.active_deadline_seconds() < 1 || spec.active_deadline_seconds() > 2147483647)) {
    problems.InvalidNumber(path.Child("activeDeadlineSeconds"), spec.active_deadline_seconds(),
                           "must be between 1 and 2147483647, inclusive");
  }
  CheckLabels(path.Child("nodeSelector"), spec.node_selector(), problems);
  ValidatePodSecurity(path, spec, problems);
  for (int i = 0; i < spec.image_pull_secrets_size(); ++i) {
    CheckObjectName(path.Child("imagePullSecrets").Index(i).Child("name"),
                    spec.image_pull_secrets(i).name(), problems);
  }
  ValidateAffinity(path.Child("affinity"), spec.affinity(), problems);
  ValidateTolerations(path.Child("tolerations"), spec.tolerations(), problems);
  for (int i = 0; i < spec.topology_spread_constraints_size(); ++i) {
    ValidateSpreadConstraint(path.Child("topologySpreadConstraints").Index(i),
                             spec.topology_spread_constraints(i), problems);
  }
  CheckOptionalName(path.Child("serviceAccountName"), spec.service_account_name(), problems);
  CheckOptionalName(path.Child("nodeName"), spec.node_name(), problems);
  CheckOptionalName(path.Child("priorityClassName"), spec.priority_class_name(), problems);
  CheckOptionalName(path.Child("runtimeClassName"), spec.runtime_class_name(), problems);
  CheckOneOf(path.Child("preemptionPolicy"), spec.preemption_policy(),
             {"PreemptLowerPriority", "Never"}, false, problems);
  for (const auto& [name, value] :
       {std::pair("hostname", spec.hostname()), std::pair("subdomain", spec.subdomain())}) {
    if (!value.empty()) {
      problems.InvalidTexts(path.Child(name), value, model::CheckDnsLabel(value));
    }
  }
  for (int i = 0; i < spec.host_aliases_size(); ++i) {
    const FieldPath at = path.Child("hostAliases").Index(i);
    CheckIpAddress(at.Child("ip"), spec.host_aliases(i).ip(), problems);
    for (int h = 0; h < spec.host_aliases(i).hostnames_size(); ++h) {
      const std::string& hostname = spec.host_aliases(i).hostnames(h);
      problems.InvalidTexts(at.Child("hostnames").Index(h), hostname,
                            model::CheckDnsSubdomain(hostname));
    }
  }
  for (const auto* amount : SortedEntries(spec.overhead())) {
    CheckAmount(path.Child("overhead").Key(amount->first), amount->second, problems);
  }
}

void ValidatePodTemplate(const FieldPath& path, const v1::PodTemplateSpec& pod_template,
                         Problems& problems) {
  const FieldPath metadata = path.Child("metadata");
  CheckLabels(metadata.Child("labels"), pod_template.metadata().labels(), problems);
  CheckAnnotations(metadata.Child("annotations"), pod_template.metadata().annotations(), problems);
  ValidatePodSpec(path.Child("spec"), pod_template.spec(), PodUse::kTemplate, problems);
  if (!pod_template.spec().ephemeral_containers().empty()) {
    problems.Forbidden(path.Child("spec").Child("ephemeralContainers"),
                       "ephemeral containers not allowed in pod template");
  }
}

}  // namespace muster::coordinator
