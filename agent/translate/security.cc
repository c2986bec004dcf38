#include "agent/translate/security.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/model/capabilities.h"

namespace muster::agent {
namespace {

constexpr char kAppArmorAnnotation[] = "container.apparmor.security.beta.kubernetes.io/";
constexpr char kAppArmorUnconfined[] = "unconfined", kAppArmorUnconfinedType[] = "Unconfined";

// What a container must not see of the host's kernel unless procMount is Unmasked. With empty
// lists containerd leaves /proc/sys writable, so they are always sent.
const char* const kMaskedPaths[] = {"/proc/asound",
                                    "/proc/acpi",
                                    "/proc/kcore",
                                    "/proc/keys",
                                    "/proc/latency_stats",
                                    "/proc/timer_list",
                                    "/proc/timer_stats",
                                    "/proc/sched_debug",
                                    "/proc/scsi",
                                    "/sys/firmware",
                                    "/sys/devices/virtual/powercap"};
const char* const kReadonlyPaths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                      "/proc/sysrq-trigger"};

std::string NameOfProfile(const v1::AppArmorProfile& profile) {
  if (profile.type() == "Localhost") return absl::StrCat("localhost/", profile.localhost_profile());
  // What nobody has checked, as in a static pod, must not be less than the default.
  return profile.type() == kAppArmorUnconfinedType ? kAppArmorUnconfined : "runtime/default";
}

std::string Place(const v1::Pod& pod, const v1::Container& container) {
  return absl::StrCat("(pod: \"", pod.metadata().name(), "_", pod.metadata().namespace_(), "(",
                      pod.metadata().uid(), ")\", container: ", container.name(), ")");
}

absl::Status SetUser(const v1::Pod& pod, const v1::Container& container, const ResolvedImage& image,
                     ContainerConfig& config) {
  const v1::PodSecurityContext& of_pod = pod.spec().security_context();
  const v1::SecurityContext& own = container.security_context();
  std::optional<int64_t> user;
  if (own.has_run_as_user()) {
    user = own.run_as_user();
  } else if (of_pod.has_run_as_user()) {
    user = of_pod.run_as_user();
  }
  const bool non_root =
      own.has_run_as_non_root() ? own.run_as_non_root() : of_pod.run_as_non_root();
  if (non_root) {
    if (user.has_value() && *user == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("container's runAsUser breaks non-root policy ", Place(pod, container)));
    }
    if (!user.has_value() && !image.user_name.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "container has runAsNonRoot and image has non-numeric user (", image.user_name,
          "), cannot verify user is non-root ", Place(pod, container)));
    }
    if (!user.has_value() && image.user_id.value_or(0) == 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "container has runAsNonRoot and image will run as root ", Place(pod, container)));
    }
  }
  if (user.has_value()) {
    config.run_as_user = user;
  } else if (image.user_id.has_value()) {
    config.run_as_user = image.user_id;
  } else if (!image.user_name.empty()) {
    config.run_as_username = image.user_name;
  } else {
    // The runtime refuses a group without a user.
    config.run_as_user = 0;
  }
  if (own.has_run_as_group()) {
    config.run_as_group = own.run_as_group();
  } else if (of_pod.has_run_as_group()) {
    config.run_as_group = of_pod.run_as_group();
  }
  return absl::OkStatus();
}

}  // namespace

Namespaces NamespacesOf(const v1::PodSpec& spec) {
  return {
      .network = spec.host_network() ? NamespaceMode::kNode : NamespaceMode::kPod,
      .pid = spec.host_pid()                  ? NamespaceMode::kNode
             : spec.share_process_namespace() ? NamespaceMode::kPod
                                              : NamespaceMode::kContainer,
      .ipc = spec.host_ipc() ? NamespaceMode::kNode : NamespaceMode::kPod,
  };
}

bool AnyPrivileged(const v1::PodSpec& spec) {
  for (const v1::Container& container : spec.containers()) {
    if (container.security_context().privileged()) return true;
  }
  for (const v1::Container& container : spec.init_containers()) {
    if (container.security_context().privileged()) return true;
  }
  return false;
}

SeccompProfile MakeSeccomp(const v1::SeccompProfile& profile, const NodeContext& node) {
  if (profile.type() == "RuntimeDefault") return {SeccompProfile::Type::kRuntimeDefault, ""};
  if (profile.type() == "Localhost") {
    return {SeccompProfile::Type::kLocalhost,
            absl::StrCat(node.seccomp_root, "/", profile.localhost_profile())};
  }
  return {SeccompProfile::Type::kUnconfined, ""};
}

std::optional<SelinuxOptions> MakeSelinux(const v1::PodSecurityContext& of_pod,
                                          const v1::SecurityContext& own) {
  if (!own.has_se_linux_options() && !of_pod.has_se_linux_options()) return std::nullopt;
  const v1::SELinuxOptions& options =
      own.has_se_linux_options() ? own.se_linux_options() : of_pod.se_linux_options();
  return SelinuxOptions{options.user(), options.role(), options.type(), options.level()};
}

std::string AppArmorOf(const v1::Pod& pod, const v1::Container& container) {
  const v1::SecurityContext& own = container.security_context();
  if (own.has_app_armor_profile()) return NameOfProfile(own.app_armor_profile());
  const auto& annotations = pod.metadata().annotations();
  const auto annotated = annotations.find(absl::StrCat(kAppArmorAnnotation, container.name()));
  if (annotated != annotations.end()) return annotated->second;
  const v1::PodSecurityContext& of_pod = pod.spec().security_context();
  return of_pod.has_app_armor_profile() ? NameOfProfile(of_pod.app_armor_profile()) : "";
}

bool NeedsAppArmor(const v1::Pod& pod) {
  const auto needs = [&pod](const v1::Container& container) {
    const std::string profile = AppArmorOf(pod, container);
    return !profile.empty() && profile != kAppArmorUnconfined;
  };
  return std::ranges::any_of(pod.spec().init_containers(), needs) ||
         std::ranges::any_of(pod.spec().containers(), needs);
}

std::vector<int64_t> SupplementalGroups(const v1::PodSecurityContext& context) {
  std::vector<int64_t> groups(context.supplemental_groups().begin(),
                              context.supplemental_groups().end());
  if (context.has_fs_group()) groups.push_back(context.fs_group());
  return groups;
}

absl::Status ApplySecurity(const v1::Pod& pod, const v1::Container& container,
                           const ResolvedImage& image, const NodeContext& node,
                           ContainerConfig& config) {
  const v1::PodSecurityContext& of_pod = pod.spec().security_context();
  const v1::SecurityContext& own = container.security_context();
  const Namespaces namespaces = NamespacesOf(pod.spec());
  config.network = namespaces.network;
  config.pid = namespaces.pid;
  config.ipc = namespaces.ipc;
  if (absl::Status status = SetUser(pod, container, image, config); !status.ok()) return status;
  config.privileged = own.privileged();
  config.supplemental_groups = SupplementalGroups(of_pod);
  // containerd takes "NET_ADMIN" and silently ignores "CAP_NET_ADMIN".
  for (const std::string& name : own.capabilities().add()) {
    config.add_capabilities.push_back(model::CapabilityName(name));
  }
  for (const std::string& name : own.capabilities().drop()) {
    config.drop_capabilities.push_back(model::CapabilityName(name));
  }
  config.selinux = MakeSelinux(of_pod, own);
  // A runtime on a host without AppArmor takes any word about it for an error.
  if (node.apparmor) config.apparmor_profile = AppArmorOf(pod, container);
  config.readonly_rootfs = own.read_only_root_filesystem();
  config.no_new_privs = own.has_allow_privilege_escalation() && !own.allow_privilege_escalation();
  if (config.privileged) {
    config.seccomp = {SeccompProfile::Type::kUnconfined, ""};
  } else {
    config.seccomp = MakeSeccomp(
        own.has_seccomp_profile() ? own.seccomp_profile() : of_pod.seccomp_profile(), node);
    if (own.proc_mount() != "Unmasked") {
      config.masked_paths.assign(std::begin(kMaskedPaths), std::end(kMaskedPaths));
      config.readonly_paths.assign(std::begin(kReadonlyPaths), std::end(kReadonlyPaths));
    }
  }
  return absl::OkStatus();
}

}  // namespace muster::agent
