#include "coordinator/admission/validate_container.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/model/capabilities.h"
#include "common/model/names.h"
#include "common/model/resources.h"
#include "coordinator/admission/validate_common.h"
#include "coordinator/admission/validate_probe.h"
#include "coordinator/admission/validate_resources.h"

namespace muster::coordinator {
namespace {

constexpr char kPortRange[] = "must be between 1 and 65535, inclusive";

void ValidatePorts(const FieldPath& path,
                   const google::protobuf::RepeatedPtrField<v1::ContainerPort>& ports,
                   bool host_network, PodUse use, Problems& problems) {
  std::set<std::string> names;
  for (int i = 0; i < ports.size(); ++i) {
    const v1::ContainerPort& port = ports[i];
    const FieldPath at = path.Index(i);
    if (!port.name().empty()) {
      problems.InvalidTexts(at.Child("name"), port.name(), model::CheckPortName(port.name()));
      if (!names.insert(port.name()).second) problems.Duplicate(at.Child("name"), port.name());
    }
    if (port.container_port() == 0) {
      problems.Required(at.Child("containerPort"));
    } else if (!model::IsLegalPortNumber(port.container_port())) {
      problems.InvalidNumber(at.Child("containerPort"), port.container_port(), kPortRange);
    }
    if (port.host_port() != 0 && !model::IsLegalPortNumber(port.host_port())) {
      problems.InvalidNumber(at.Child("hostPort"), port.host_port(), kPortRange);
    }
    // In a template 0 is filled in when the pod is made.
    const bool unset_is_fine = use == PodUse::kTemplate && port.host_port() == 0;
    if (host_network && !unset_is_fine && port.host_port() != port.container_port()) {
      problems.InvalidNumber(at.Child("hostPort"), port.host_port(),
                             "must match `containerPort` when `hostNetwork` is true");
    }
    CheckOneOf(at.Child("protocol"), port.protocol(), {"SCTP", "TCP", "UDP"}, true, problems);
    if (!port.host_ip().empty()) CheckIpAddress(at.Child("hostIP"), port.host_ip(), problems);
  }
}

void ValidateMounts(const FieldPath& path, const v1::Container& container,
                    const std::set<std::string>& volumes, Problems& problems) {
  std::set<std::string> mount_paths;
  for (int i = 0; i < container.volume_mounts_size(); ++i) {
    const v1::VolumeMount& mount = container.volume_mounts(i);
    const FieldPath at = path.Index(i);
    if (mount.name().empty()) {
      problems.Required(at.Child("name"));
    } else if (volumes.count(mount.name()) == 0) {
      problems.NotFound(at.Child("name"), mount.name());
    }
    if (mount.mount_path().empty()) {
      problems.Required(at.Child("mountPath"));
    } else if (!mount_paths.insert(mount.mount_path()).second) {
      problems.InvalidText(at.Child("mountPath"), mount.mount_path(), "must be unique");
    }
    if (!mount.sub_path().empty()) {
      CheckPathInside(at.Child("subPath"), mount.sub_path(), problems);
    }
    if (!mount.sub_path_expr().empty()) {
      CheckPathInside(at.Child("subPathExpr"), mount.sub_path_expr(), problems);
      if (!mount.sub_path().empty()) {
        problems.InvalidText(at.Child("subPathExpr"), mount.sub_path_expr(),
                             "subPathExpr and subPath are mutually exclusive");
      }
    }
    if (!mount.has_mount_propagation()) continue;
    const FieldPath propagation = at.Child("mountPropagation");
    CheckOneOf(propagation, mount.mount_propagation(), {"Bidirectional", "HostToContainer", "None"},
               true, problems);
    if (mount.mount_propagation() == "Bidirectional" &&
        !container.security_context().privileged()) {
      problems.Forbidden(propagation,
                         "Bidirectional mount propagation is available only to privileged "
                         "containers");
    }
  }
}

// Runtimes ignore a name that they do not know, and the container would lack what it asked for, or
// keep what it should lose. "*" is so common that it only gets a warning, elsewhere.
void ValidateCapabilities(const FieldPath& path,
                          const google::protobuf::RepeatedPtrField<std::string>& names,
                          Problems& problems) {
  for (int i = 0; i < names.size(); ++i) {
    if (names[i] != "*" && !model::IsCapabilityName(names[i])) {
      problems.InvalidText(path.Index(i), names[i], "is no capability of Linux");
    }
  }
}

void ForbidForInit(const FieldPath& path, bool set, Problems& problems) {
  if (set) {
    problems.Forbidden(path, "may not be set for init containers without restartPolicy=Always");
  }
}

void ValidateProbes(const FieldPath& path, const v1::Container& container, Problems& problems) {
  if (container.has_liveness_probe()) {
    ValidateProbe(path.Child("livenessProbe"), container.liveness_probe(), ProbeUse::kLiveness,
                  problems);
  }
  if (container.has_readiness_probe()) {
    ValidateProbe(path.Child("readinessProbe"), container.readiness_probe(), ProbeUse::kReadiness,
                  problems);
  }
  if (container.has_startup_probe()) {
    ValidateProbe(path.Child("startupProbe"), container.startup_probe(), ProbeUse::kStartup,
                  problems);
  }
}

void ValidateName(const FieldPath& path, const std::string& name, std::set<std::string>& names,
                  Problems& problems) {
  if (name.empty()) {
    problems.Required(path);
    return;
  }
  problems.InvalidTexts(path, name, model::CheckDnsLabel(name));
  if (!names.insert(name).second) problems.Duplicate(path, name);
}

// What holds for regular and init containers alike.
void ValidateContainer(const FieldPath& path, const v1::Container& container,
                       const std::set<std::string>& volumes, Problems& problems) {
  if (container.image().empty()) {
    problems.Required(path.Child("image"));
  } else if (absl::StripAsciiWhitespace(container.image()) != container.image()) {
    problems.InvalidText(path.Child("image"), container.image(),
                         "must not have leading or trailing whitespace");
  }
  CheckOneOf(path.Child("terminationMessagePolicy"), container.termination_message_policy(),
             {"FallbackToLogsOnError", "File"}, true, problems);
  CheckOneOf(path.Child("imagePullPolicy"), container.image_pull_policy(),
             {"Always", "IfNotPresent", "Never"}, true, problems);
  ValidateEnvironment(path, container, problems);
  ValidateMounts(path.Child("volumeMounts"), container, volumes, problems);
  ValidateResources(path.Child("resources"), container.resources(), problems);
  ValidateSecurityContext(path.Child("securityContext"), container.security_context(), problems);
}

// No two of these may want the same port of the host. `taken` is shared by containers that run at
// the same time.
void CheckHostPorts(const FieldPath& path, const v1::Container& container,
                    std::set<std::string>& taken, Problems& problems) {
  for (int i = 0; i < container.ports_size(); ++i) {
    const v1::ContainerPort& port = container.ports(i);
    if (port.host_port() == 0) continue;
    const std::string key =
        absl::StrCat(port.protocol(), "/", port.host_ip(), "/", port.host_port());
    if (!taken.insert(key).second) {
      problems.Duplicate(path.Child("ports").Index(i).Child("hostPort"), key);
    }
  }
}

}  // namespace

void CheckUserId(const FieldPath& path, int64_t id, Problems& problems) {
  if (id < 0 || id > 2147483647) {
    problems.InvalidNumber(path, id, "must be between 0 and 2147483647, inclusive");
  }
}

void ValidateSeccomp(const FieldPath& path, const v1::SeccompProfile& profile, Problems& problems) {
  CheckOneOf(path.Child("type"), profile.type(), {"Localhost", "RuntimeDefault", "Unconfined"},
             true, problems);
  const FieldPath local = path.Child("localhostProfile");
  if (profile.type() == "Localhost") {
    if (profile.localhost_profile().empty()) {
      problems.Required(local, "must be set when seccomp type is Localhost");
    } else {
      CheckPathInside(local, profile.localhost_profile(), problems);
    }
  } else if (profile.has_localhost_profile()) {
    problems.InvalidText(local, profile.localhost_profile(),
                         "can only be set when seccomp type is Localhost");
  }
}

void ValidateAppArmor(const FieldPath& path, const v1::AppArmorProfile& profile,
                      Problems& problems) {
  CheckOneOf(path.Child("type"), profile.type(), {"Localhost", "RuntimeDefault", "Unconfined"},
             true, problems);
  const FieldPath local = path.Child("localhostProfile");
  const std::string& name = profile.localhost_profile();
  if (profile.type() == "Localhost") {
    if (absl::StripAsciiWhitespace(name).empty()) {
      problems.Required(local, "must be set when AppArmor type is Localhost");
    } else if (absl::StripAsciiWhitespace(name) != name) {
      problems.InvalidText(local, name, "must not be padded with whitespace");
    }
  } else if (profile.has_localhost_profile()) {
    problems.InvalidText(local, name, "can only be set when AppArmor type is Localhost");
  }
}

void ValidateSecurityContext(const FieldPath& path, const v1::SecurityContext& context,
                             Problems& problems) {
  if (context.has_run_as_user()) {
    CheckUserId(path.Child("runAsUser"), context.run_as_user(), problems);
  }
  if (context.has_run_as_group()) {
    CheckUserId(path.Child("runAsGroup"), context.run_as_group(), problems);
  }
  if (context.has_proc_mount()) {
    CheckOneOf(path.Child("procMount"), context.proc_mount(), {"Default", "Unmasked"}, true,
               problems);
  }
  if (context.has_seccomp_profile()) {
    ValidateSeccomp(path.Child("seccompProfile"), context.seccomp_profile(), problems);
  }
  if (context.has_app_armor_profile()) {
    ValidateAppArmor(path.Child("appArmorProfile"), context.app_armor_profile(), problems);
  }
  const FieldPath capabilities = path.Child("capabilities");
  ValidateCapabilities(capabilities.Child("add"), context.capabilities().add(), problems);
  ValidateCapabilities(capabilities.Child("drop"), context.capabilities().drop(), problems);
  if (context.has_allow_privilege_escalation() && !context.allow_privilege_escalation()) {
    if (context.privileged()) {
      problems.Invalid(path, JsonText(context),
                       "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    }
    const auto& added = context.capabilities().add();
    if (std::find(added.begin(), added.end(), "CAP_SYS_ADMIN") != added.end()) {
      problems.Invalid(path, JsonText(context),
                       "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` "
                       "CAP_SYS_ADMIN");
    }
  }
}

void ValidateContainers(const FieldPath& path, const v1::PodSpec& spec, PodUse use,
                        const std::set<std::string>& volumes, Problems& problems) {
  const int64_t grace = spec.termination_grace_period_seconds();
  std::set<std::string> names;
  std::set<std::string> host_ports;
  if (spec.containers().empty()) problems.Required(path.Child("containers"));
  for (int i = 0; i < spec.containers_size(); ++i) {
    const v1::Container& container = spec.containers(i);
    const FieldPath at = path.Child("containers").Index(i);
    ValidateName(at.Child("name"), container.name(), names, problems);
    ValidateContainer(at, container, volumes, problems);
    ValidatePorts(at.Child("ports"), container.ports(), spec.host_network(), use, problems);
    ValidateLifecycle(at.Child("lifecycle"), container.lifecycle(), grace, problems);
    ValidateProbes(at, container, problems);
    CheckHostPorts(at, container, host_ports, problems);
  }
  for (int i = 0; i < spec.init_containers_size(); ++i) {
    const v1::Container& container = spec.init_containers(i);
    const FieldPath at = path.Child("initContainers").Index(i);
    ValidateName(at.Child("name"), container.name(), names, problems);
    ValidateContainer(at, container, volumes, problems);
    ValidatePorts(at.Child("ports"), container.ports(), spec.host_network(), use, problems);
    std::set<std::string> own_host_ports;
    CheckHostPorts(at, container, own_host_ports, problems);
    if (model::IsSidecar(container)) {
      ValidateLifecycle(at.Child("lifecycle"), container.lifecycle(), grace, problems);
      ValidateProbes(at, container, problems);
      continue;
    }
    if (container.has_restart_policy()) {
      CheckOneOf(at.Child("restartPolicy"), container.restart_policy(), {"Always"}, true, problems);
    }
    ForbidForInit(at.Child("lifecycle"), container.has_lifecycle(), problems);
    ForbidForInit(at.Child("livenessProbe"), container.has_liveness_probe(), problems);
    ForbidForInit(at.Child("readinessProbe"), container.has_readiness_probe(), problems);
    ForbidForInit(at.Child("startupProbe"), container.has_startup_probe(), problems);
  }
}

}  // namespace muster::coordinator
