#include "agent/runtime/cri/messages.h"

#include <grpcpp/support/status.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/match.h"
#include "cri/api.pb.h"

namespace muster::agent::cri {
namespace {

namespace v1 = ::runtime::v1;

v1::NamespaceMode ToMessage(NamespaceMode mode) {
  switch (mode) {
    case NamespaceMode::kPod:
      return v1::POD;
    case NamespaceMode::kContainer:
      return v1::CONTAINER;
    case NamespaceMode::kNode:
      return v1::NODE;
  }
  return v1::POD;
}

v1::MountPropagation ToMessage(MountPropagation propagation) {
  switch (propagation) {
    case MountPropagation::kPrivate:
      return v1::PROPAGATION_PRIVATE;
    case MountPropagation::kHostToContainer:
      return v1::PROPAGATION_HOST_TO_CONTAINER;
    case MountPropagation::kBidirectional:
      return v1::PROPAGATION_BIDIRECTIONAL;
  }
  return v1::PROPAGATION_PRIVATE;
}

v1::Protocol ProtocolOf(const std::string& name) {
  if (name == "UDP") return v1::UDP;
  if (name == "SCTP") return v1::SCTP;
  return v1::TCP;
}

void ToMessage(const SeccompProfile& profile, v1::SecurityProfile* message) {
  switch (profile.type) {
    case SeccompProfile::Type::kUnconfined:
      message->set_profile_type(v1::SecurityProfile::Unconfined);
      break;
    case SeccompProfile::Type::kRuntimeDefault:
      message->set_profile_type(v1::SecurityProfile::RuntimeDefault);
      break;
    case SeccompProfile::Type::kLocalhost:
      message->set_profile_type(v1::SecurityProfile::Localhost);
      message->set_localhost_ref(profile.localhost_path);
      break;
  }
}

void ToMessage(const SelinuxOptions& options, v1::SELinuxOption* message) {
  message->set_user(options.user);
  message->set_role(options.role);
  message->set_type(options.type);
  message->set_level(options.level);
}

// "" says nothing to the runtime.
void AppArmorToMessage(const std::string& profile, v1::LinuxContainerSecurityContext* context) {
  constexpr std::string_view kLocalhost = "localhost/";
  if (profile == "runtime/default") {
    context->mutable_apparmor()->set_profile_type(v1::SecurityProfile::RuntimeDefault);
  } else if (profile == "unconfined") {
    context->mutable_apparmor()->set_profile_type(v1::SecurityProfile::Unconfined);
  } else if (profile.starts_with(kLocalhost)) {
    context->mutable_apparmor()->set_profile_type(v1::SecurityProfile::Localhost);
    context->mutable_apparmor()->set_localhost_ref(profile.substr(kLocalhost.size()));
  }
}

template <typename Config>
void NamespacesToMessage(const Config& config, v1::NamespaceOption* message) {
  message->set_network(ToMessage(config.network));
  message->set_pid(ToMessage(config.pid));
  message->set_ipc(ToMessage(config.ipc));
}

void ToMessage(const ContainerConfig& config, v1::LinuxContainerSecurityContext* context) {
  context->set_privileged(config.privileged);
  for (const std::string& name : config.add_capabilities) {
    context->mutable_capabilities()->add_add_capabilities(name);
  }
  for (const std::string& name : config.drop_capabilities) {
    context->mutable_capabilities()->add_drop_capabilities(name);
  }
  NamespacesToMessage(config, context->mutable_namespace_options());
  if (config.selinux) ToMessage(*config.selinux, context->mutable_selinux_options());
  if (config.run_as_user) context->mutable_run_as_user()->set_value(*config.run_as_user);
  if (config.run_as_group) context->mutable_run_as_group()->set_value(*config.run_as_group);
  context->set_run_as_username(config.run_as_username);
  context->set_readonly_rootfs(config.readonly_rootfs);
  for (int64_t group : config.supplemental_groups) context->add_supplemental_groups(group);
  context->set_no_new_privs(config.no_new_privs);
  for (const std::string& path : config.masked_paths) context->add_masked_paths(path);
  for (const std::string& path : config.readonly_paths) context->add_readonly_paths(path);
  ToMessage(config.seccomp, context->mutable_seccomp());
  AppArmorToMessage(config.apparmor_profile, context);
}

WallTime TimeFromNanos(int64_t nanos) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(nanos)));
}

template <typename ProtoMap>
std::map<std::string, std::string> MapFrom(const ProtoMap& from) {
  return std::map<std::string, std::string>(from.begin(), from.end());
}

ContainerState FromMessage(v1::ContainerState state) {
  switch (state) {
    case v1::CONTAINER_CREATED:
      return ContainerState::kCreated;
    case v1::CONTAINER_RUNNING:
      return ContainerState::kRunning;
    case v1::CONTAINER_EXITED:
      return ContainerState::kExited;
    default:
      return ContainerState::kUnknown;
  }
}

NamespaceMode FromMessage(v1::NamespaceMode mode) {
  switch (mode) {
    case v1::CONTAINER:
      return NamespaceMode::kContainer;
    case v1::NODE:
      return NamespaceMode::kNode;
    default:
      return NamespaceMode::kPod;
  }
}

// What a sandbox's listing and its status have in common.
template <typename Message>
SandboxStatus SandboxFrom(const Message& message) {
  SandboxStatus status;
  status.id = message.id();
  status.name = message.metadata().name();
  status.namespace_ = message.metadata().namespace_();
  status.uid = message.metadata().uid();
  status.attempt = message.metadata().attempt();
  status.state =
      message.state() == v1::SANDBOX_READY ? SandboxState::kReady : SandboxState::kNotReady;
  status.created_at = TimeFromNanos(message.created_at());
  status.labels = MapFrom(message.labels());
  status.annotations = MapFrom(message.annotations());
  return status;
}

template <typename Message>
ContainerStatus ContainerFrom(const Message& message) {
  ContainerStatus status;
  status.id = message.id();
  status.name = message.metadata().name();
  status.attempt = message.metadata().attempt();
  status.state = FromMessage(message.state());
  status.created_at = TimeFromNanos(message.created_at());
  status.image_name = message.image().image();
  status.image_ref = message.image_ref();
  status.labels = MapFrom(message.labels());
  status.annotations = MapFrom(message.annotations());
  return status;
}

}  // namespace

void ToMessage(const LinuxResources& resources, v1::LinuxContainerResources* message) {
  message->set_cpu_period(resources.cpu_period_us);
  message->set_cpu_quota(resources.cpu_quota_us);
  message->set_cpu_shares(resources.cpu_shares);
  message->set_memory_limit_in_bytes(resources.memory_limit_bytes);
  message->set_oom_score_adj(resources.oom_score_adj);
  message->set_memory_swap_limit_in_bytes(resources.memory_swap_limit_bytes);
  message->mutable_unified()->insert(resources.unified.begin(), resources.unified.end());
  for (const auto& [size, bytes] : resources.hugepage_limit_bytes) {
    v1::HugepageLimit* limit = message->add_hugepage_limits();
    limit->set_page_size(size);
    limit->set_limit(bytes);
  }
}

void ToMessage(const SandboxConfig& config, v1::PodSandboxConfig* message) {
  v1::PodSandboxMetadata* metadata = message->mutable_metadata();
  metadata->set_name(config.name);
  metadata->set_namespace_(config.namespace_);
  metadata->set_uid(config.uid);
  metadata->set_attempt(config.attempt);
  message->set_hostname(config.hostname);
  message->set_log_directory(config.log_directory);
  if (config.dns) {
    v1::DNSConfig* dns = message->mutable_dns_config();
    for (const std::string& server : config.dns->servers) dns->add_servers(server);
    for (const std::string& search : config.dns->searches) dns->add_searches(search);
    for (const std::string& option : config.dns->options) dns->add_options(option);
  }
  for (const PortMapping& mapping : config.port_mappings) {
    v1::PortMapping* port = message->add_port_mappings();
    port->set_protocol(ProtocolOf(mapping.protocol));
    port->set_container_port(mapping.container_port);
    port->set_host_port(mapping.host_port);
    port->set_host_ip(mapping.host_ip);
  }
  message->mutable_labels()->insert(config.labels.begin(), config.labels.end());
  message->mutable_annotations()->insert(config.annotations.begin(), config.annotations.end());

  v1::LinuxPodSandboxConfig* linux_config = message->mutable_linux();
  linux_config->set_cgroup_parent(config.cgroup_parent);
  if (config.resources != LinuxResources()) {
    ToMessage(config.resources, linux_config->mutable_resources());
  }
  if (config.overhead != LinuxResources()) {
    ToMessage(config.overhead, linux_config->mutable_overhead());
  }
  linux_config->mutable_sysctls()->insert(config.sysctls.begin(), config.sysctls.end());
  v1::LinuxSandboxSecurityContext* context = linux_config->mutable_security_context();
  NamespacesToMessage(config, context->mutable_namespace_options());
  context->set_privileged(config.privileged);
  if (config.selinux) ToMessage(*config.selinux, context->mutable_selinux_options());
  if (config.run_as_user) context->mutable_run_as_user()->set_value(*config.run_as_user);
  if (config.run_as_group) context->mutable_run_as_group()->set_value(*config.run_as_group);
  for (int64_t group : config.supplemental_groups) context->add_supplemental_groups(group);
  ToMessage(config.seccomp, context->mutable_seccomp());
}

void ToMessage(const ContainerConfig& config, v1::ContainerConfig* message) {
  message->mutable_metadata()->set_name(config.name);
  message->mutable_metadata()->set_attempt(config.attempt);
  message->mutable_image()->set_image(config.image_id.empty() ? config.image_name
                                                              : config.image_id);
  message->mutable_image()->set_user_specified_image(config.image_name);
  for (const std::string& word : config.command) message->add_command(word);
  for (const std::string& word : config.args) message->add_args(word);
  message->set_working_dir(config.working_dir);
  for (const auto& [name, value] : config.envs) {
    v1::KeyValue* env = message->add_envs();
    env->set_key(name);
    env->set_value(value);
  }
  for (const Mount& from : config.mounts) {
    v1::Mount* mount = message->add_mounts();
    mount->set_container_path(from.container_path);
    mount->set_host_path(from.host_path);
    mount->set_readonly(from.readonly);
    mount->set_selinux_relabel(from.selinux_relabel);
    mount->set_propagation(ToMessage(from.propagation));
  }
  message->mutable_labels()->insert(config.labels.begin(), config.labels.end());
  message->mutable_annotations()->insert(config.annotations.begin(), config.annotations.end());
  message->set_log_path(config.log_path);
  message->set_stdin(config.stdin);
  message->set_stdin_once(config.stdin_once);
  message->set_tty(config.tty);
  ToMessage(config.resources, message->mutable_linux()->mutable_resources());
  ToMessage(config, message->mutable_linux()->mutable_security_context());
}

void ToMessage(const RegistryAuth& auth, v1::AuthConfig* message) {
  message->set_username(auth.username);
  message->set_password(auth.password);
  message->set_auth(auth.auth);
  message->set_identity_token(auth.identity_token);
  message->set_registry_token(auth.registry_token);
}

SandboxStatus FromMessage(const v1::PodSandbox& message) { return SandboxFrom(message); }

SandboxStatus FromMessage(const v1::PodSandboxStatus& message) {
  SandboxStatus status = SandboxFrom(message);
  if (!message.network().ip().empty()) status.ips.push_back(message.network().ip());
  for (const v1::PodIP& more : message.network().additional_ips()) status.ips.push_back(more.ip());
  if (message.linux().namespaces().has_options()) {
    status.network = FromMessage(message.linux().namespaces().options().network());
  }
  return status;
}

ContainerStatus FromMessage(const v1::Container& message) {
  ContainerStatus status = ContainerFrom(message);
  status.sandbox_id = message.pod_sandbox_id();
  return status;
}

ContainerStatus FromMessage(const v1::ContainerStatus& message) {
  ContainerStatus status = ContainerFrom(message);
  status.started_at = TimeFromNanos(message.started_at());
  status.finished_at = TimeFromNanos(message.finished_at());
  status.exit_code = message.exit_code();
  status.reason = message.reason();
  status.message = message.message();
  status.log_path = message.log_path();
  return status;
}

ImageStatus FromMessage(const v1::Image& message) {
  ImageStatus status;
  status.id = message.id();
  status.tags.assign(message.repo_tags().begin(), message.repo_tags().end());
  status.digests.assign(message.repo_digests().begin(), message.repo_digests().end());
  status.size_bytes = message.size();
  if (message.has_uid()) status.user_id = message.uid().value();
  status.user_name = message.username();
  status.pinned = message.pinned();
  return status;
}

ContainerStats FromMessage(const v1::ContainerStats& message) {
  ContainerStats stats;
  stats.id = message.attributes().id();
  stats.cpu_usage_ns = message.cpu().usage_core_nano_seconds().value();
  stats.cpu_at_ns = message.cpu().timestamp();
  stats.memory_working_set_bytes = message.memory().working_set_bytes().value();
  stats.writable_layer_bytes = message.writable_layer().used_bytes().value();
  stats.writable_layer_inodes = message.writable_layer().inodes_used().value();
  return stats;
}

RuntimeInfo InfoFrom(const v1::VersionResponse& version, const v1::StatusResponse& status) {
  RuntimeInfo info;
  info.name = version.runtime_name();
  info.version = version.runtime_version();
  info.api_version = version.runtime_api_version();
  for (const v1::RuntimeCondition& condition : status.status().conditions()) {
    if (condition.type() == "RuntimeReady") {
      info.runtime_ready = condition.status();
      info.runtime_message = condition.message();
    } else if (condition.type() == "NetworkReady") {
      info.network_ready = condition.status();
      info.network_message = condition.message();
    }
  }
  return info;
}

std::string CgroupDriverFromStatus(const v1::StatusResponse& status) {
  const auto found = status.info().find("config");
  if (found == status.info().end()) return "";
  const auto config = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  // Step by step, since any of it may be missing or of another type.
  const auto member = [](const nlohmann::json* from,
                         const std::string& name) -> const nlohmann::json* {
    if (from == nullptr || !from->is_object()) return nullptr;
    const auto it = from->find(name);
    return it == from->end() ? nullptr : &*it;
  };
  const nlohmann::json* containerd = member(&config, "containerd");
  if (containerd == nullptr) return "";
  const nlohmann::json* name = member(containerd, "defaultRuntimeName");
  const nlohmann::json* runtimes = member(containerd, "runtimes");
  if (name == nullptr || !name->is_string() || runtimes == nullptr) return "";
  const nlohmann::json* runtime = member(runtimes, name->get<std::string>());
  if (runtime == nullptr) return "";
  const nlohmann::json* options = member(runtime, "options");
  const nlohmann::json* systemd = member(options, "SystemdCgroup");
  return systemd != nullptr && systemd->is_boolean() && systemd->get<bool>() ? "systemd"
                                                                             : "cgroupfs";
}

std::string SandboxImageFromStatus(const v1::StatusResponse& status) {
  const auto found = status.info().find("config");
  if (found == status.info().end()) return "";
  const auto config = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return "";
  const auto image = config.find("sandboxImage");
  return image != config.end() && image->is_string() ? image->get<std::string>() : "";
}

int64_t PidFromInfo(const google::protobuf::Map<std::string, std::string>& info) {
  const auto found = info.find("info");
  if (found == info.end()) return 0;
  // The rest of it is long, and of no interest.
  const auto only_pid = [](int depth, nlohmann::json::parse_event_t event,
                           const nlohmann::json& parsed) {
    return event != nlohmann::json::parse_event_t::key || depth != 1 || parsed == "pid";
  };
  const auto details = nlohmann::json::parse(found->second, only_pid, /*allow_exceptions=*/false);
  if (!details.is_object()) return 0;
  const auto pid = details.find("pid");
  return pid != details.end() && pid->is_number_integer() ? pid->get<int64_t>() : 0;
}

std::string NetworkPathFromInfo(const google::protobuf::Map<std::string, std::string>& info) {
  const auto found = info.find("info");
  if (found == info.end()) return "";
  const auto details = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json* at = &details;
  for (const char* name : {"runtimeSpec", "linux", "namespaces"}) {
    if (!at->is_object()) return "";
    const auto next = at->find(name);
    if (next == at->end()) return "";
    at = &*next;
  }
  if (!at->is_array()) return "";
  for (const nlohmann::json& space : *at) {
    if (!space.is_object()) continue;
    const auto type = space.find("type");
    const auto path = space.find("path");
    if (type == space.end() || *type != "network" || path == space.end()) continue;
    if (path->is_string()) return path->get<std::string>();
  }
  return "";
}

absl::Status FromGrpc(const ::grpc::Status& status) {
  absl::StatusCode code = static_cast<absl::StatusCode>(status.error_code());
  if (code == absl::StatusCode::kUnknown &&
      absl::StrContains(status.error_message(), "server is not initialized yet")) {
    code = absl::StatusCode::kUnavailable;
  }
  return absl::Status(code, status.error_message());
}

}  // namespace muster::agent::cri
