#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/model/int_or_string.h"
#include "common/model/resources.h"
#include "coordinator/table/age.h"
#include "coordinator/table/describe_sections.h"

namespace muster::coordinator {
namespace {

constexpr char kLevel2[] = "    ";
constexpr char kLevel3[] = "      ";

std::string OrNone(const std::string& text) { return text.empty() ? "<none>" : text; }

template <typename PortOf>
void DescribePorts(const char* title, const v1::Container& container, PortOf port_of,
                   std::string& out) {
  std::vector<std::string> ports;
  for (const v1::ContainerPort& port : container.ports()) {
    ports.push_back(absl::StrCat(port_of(port), "/", port.protocol()));
  }
  absl::StrAppend(&out, kLevel2, title, ports.size() > 1 ? "s" : "", ":\t",
                  OrNone(absl::StrJoin(ports, ", ")), "\n");
}

void DescribeWords(const char* title, const google::protobuf::RepeatedPtrField<std::string>& words,
                   std::string& out) {
  if (words.empty()) return;
  absl::StrAppend(&out, kLevel2, title, ":\n");
  for (const std::string& word : words) {
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(word, '\n'))) {
      absl::StrAppend(&out, kLevel3, line, "\n");
    }
  }
}

void DescribeState(const char* title, const v1::ContainerState& state, std::string& out) {
  auto line = [&](const char* key, const std::string& value) {
    absl::StrAppend(&out, kLevel3, key, ":\t", value, "\n");
  };
  if (state.has_running()) {
    absl::StrAppend(&out, kLevel2, title, ":\tRunning\n");
    line("Started", FullTime(state.running().started_at()));
  } else if (state.has_terminated()) {
    const v1::ContainerStateTerminated& terminated = state.terminated();
    absl::StrAppend(&out, kLevel2, title, ":\tTerminated\n");
    if (!terminated.reason().empty()) line("Reason", terminated.reason());
    if (!terminated.message().empty()) line("Message", terminated.message());
    line("Exit Code", absl::StrCat(terminated.exit_code()));
    if (terminated.signal() > 0) line("Signal", absl::StrCat(terminated.signal()));
    line("Started", FullTime(terminated.started_at()));
    line("Finished", FullTime(terminated.finished_at()));
  } else {
    absl::StrAppend(&out, kLevel2, title, ":\tWaiting\n");
    if (!state.waiting().reason().empty()) line("Reason", state.waiting().reason());
  }
}

void DescribeStatus(const v1::ContainerStatus& status, std::string& out) {
  DescribeState("State", status.state(), out);
  if (status.last_state().has_terminated()) DescribeState("Last State", status.last_state(), out);
  absl::StrAppend(&out, kLevel2, "Ready:\t", status.ready() ? "True" : "False", "\n");
  absl::StrAppend(&out, kLevel2, "Restart Count:\t", status.restart_count(), "\n");
}

void DescribeAmounts(const char* title, const model::ResourceMap& resources, std::string& out) {
  if (resources.empty()) return;
  absl::StrAppend(&out, kLevel2, title, ":\n");
  for (const auto& [name, amount] : model::ToAmounts(resources)) {
    absl::StrAppend(&out, kLevel3, name, ":\t", amount.ToString(), "\n");
  }
}

void DescribeProbe(const char* title, bool set, const v1::Probe& probe, std::string& out) {
  if (set) absl::StrAppend(&out, kLevel2, title, ":\t", ProbeText(probe), "\n");
}

std::string ValueOf(const TextMap& map, std::string_view field, std::string_view path) {
  // path is field['key'].
  if (path.size() < field.size() + 4 || !path.starts_with(field)) return "";
  const std::string key(path.substr(field.size() + 2, path.size() - field.size() - 4));
  const auto found = map.find(key);
  return found == map.end() ? "" : found->second;
}

// Only what stands in the metadata of the pod, as kubectl does it.
std::string FieldValue(const v1::Pod& pod, const std::string& path) {
  const v1::ObjectMeta& metadata = pod.metadata();
  if (path == "metadata.name") return metadata.name();
  if (path == "metadata.namespace") return metadata.namespace_();
  if (path == "metadata.uid") return metadata.uid();
  if (path.starts_with("metadata.labels[")) {
    return ValueOf(metadata.labels(), "metadata.labels", path);
  }
  if (path.starts_with("metadata.annotations[")) {
    return ValueOf(metadata.annotations(), "metadata.annotations", path);
  }
  return "";
}

std::string ResourceValue(const v1::Container& container, const v1::ResourceFieldSelector& ref) {
  const std::string& resource = ref.resource();
  const size_t dot = resource.find('.');
  if (dot == std::string::npos) return "";
  const bool limit = resource.substr(0, dot) == "limits";
  const model::ResourceAmounts amounts =
      model::ToAmounts(limit ? container.resources().limits() : container.resources().requests());
  const auto amount = amounts.find(resource.substr(dot + 1));
  const absl::StatusOr<model::Quantity> parsed = model::Quantity::Parse(ref.divisor().text());
  const int64_t divisor = parsed.ok() && parsed->sign() > 0 ? parsed->MilliValue() : 1000;
  const int64_t milli = amount == amounts.end() ? 0 : amount->second.MilliValue();
  const int64_t value = milli / divisor + (milli % divisor > 0 ? 1 : 0);
  if (value == 0 && (resource == "limits.cpu" || resource == "limits.memory")) {
    return "node allocatable";
  }
  return absl::StrCat(value);
}

const char* OptionalText(bool optional) { return optional ? "Optional: true" : "Optional: false"; }

void DescribeVariable(const v1::EnvVar& variable, const v1::Container& container,
                      const v1::Pod* pod, std::string& out) {
  const v1::EnvVarSource& source = variable.value_from();
  if (!variable.has_value_from()) {
    std::string start = absl::StrCat(kLevel3, variable.name(), ":\t");
    for (const std::string& line :
         std::vector<std::string>(absl::StrSplit(variable.value(), '\n'))) {
      absl::StrAppend(&out, start, line, "\n");
      start = absl::StrCat(kLevel3, "\t");
    }
  } else if (source.has_field_ref()) {
    const v1::ObjectFieldSelector& ref = source.field_ref();
    absl::StrAppend(&out, kLevel3, variable.name(), ":\t",
                    pod == nullptr ? "" : FieldValue(*pod, ref.field_path()), " (",
                    ref.api_version(), ":", ref.field_path(), ")\n");
  } else if (source.has_resource_field_ref()) {
    const v1::ResourceFieldSelector& ref = source.resource_field_ref();
    absl::StrAppend(&out, kLevel3, variable.name(), ":\t", ResourceValue(container, ref), " (",
                    ref.resource(), ")\n");
  } else if (source.has_secret_key_ref()) {
    const v1::SecretKeySelector& ref = source.secret_key_ref();
    absl::StrAppend(&out, kLevel3, variable.name(), ":\t<set to the key '", ref.key(),
                    "' in secret '", ref.name(), "'>\t", OptionalText(ref.optional()), "\n");
  } else if (source.has_config_map_key_ref()) {
    const v1::ConfigMapKeySelector& ref = source.config_map_key_ref();
    absl::StrAppend(&out, kLevel3, variable.name(), ":\t<set to the key '", ref.key(),
                    "' of config map '", ref.name(), "'>\t", OptionalText(ref.optional()), "\n");
  }
}

void DescribeEnvironment(const v1::Container& container, const v1::Pod* pod, std::string& out) {
  if (!container.env_from().empty()) {
    absl::StrAppend(&out, kLevel2, "Environment Variables from:\n");
  }
  for (const v1::EnvFromSource& source : container.env_from()) {
    const bool map = source.has_config_map_ref();
    const std::string prefix =
        source.prefix().empty() ? "" : absl::StrCat(" with prefix '", source.prefix(), "'");
    absl::StrAppend(
        &out, kLevel3, map ? source.config_map_ref().name() : source.secret_ref().name(), "\t",
        map ? "ConfigMap" : "Secret", prefix, "\t",
        OptionalText(map ? source.config_map_ref().optional() : source.secret_ref().optional()),
        "\n");
  }
  absl::StrAppend(&out, kLevel2, "Environment:", container.env().empty() ? "\t<none>" : "", "\n");
  for (const v1::EnvVar& variable : container.env()) {
    DescribeVariable(variable, container, pod, out);
  }
}

void DescribeMounts(const v1::Container& container, std::string& out) {
  absl::StrAppend(&out, kLevel2, "Mounts:", container.volume_mounts().empty() ? "\t<none>" : "",
                  "\n");
  std::vector<v1::VolumeMount> mounts(container.volume_mounts().begin(),
                                      container.volume_mounts().end());
  std::stable_sort(mounts.begin(), mounts.end(),
                   [](const auto& a, const auto& b) { return a.mount_path() < b.mount_path(); });
  for (const v1::VolumeMount& mount : mounts) {
    const std::string sub_path =
        mount.sub_path().empty() ? "" : absl::StrCat(",path=\"", mount.sub_path(), "\"");
    absl::StrAppend(&out, kLevel3, mount.mount_path(), " from ", mount.name(), " (",
                    mount.read_only() ? "ro" : "rw", sub_path, ")\n");
  }
}

void DescribeContainer(const v1::Container& container, const v1::ContainerStatus* status,
                       const v1::Pod* pod, std::string_view indent, std::string& out) {
  absl::StrAppend(&out, indent.empty() ? "  " : "   ", container.name(), ":\n");
  if (status != nullptr) {
    absl::StrAppend(&out, kLevel2, "Container ID:\t", status->container_id(), "\n");
  }
  absl::StrAppend(&out, kLevel2, "Image:\t", container.image(), "\n");
  if (status != nullptr) {
    absl::StrAppend(&out, kLevel2, "Image ID:\t", status->image_id(), "\n");
  }
  DescribePorts(
      "Port", container, [](const auto& port) { return port.container_port(); }, out);
  DescribePorts(
      "Host Port", container, [](const auto& port) { return port.host_port(); }, out);
  const v1::SeccompProfile& seccomp = container.security_context().seccomp_profile();
  if (!seccomp.type().empty()) {
    absl::StrAppend(&out, kLevel2, "SeccompProfile:\t", seccomp.type(), "\n");
    if (seccomp.type() == "Localhost") {
      absl::StrAppend(&out, kLevel3, "LocalhostProfile:\t", seccomp.localhost_profile(), "\n");
    }
  }
  DescribeWords("Command", container.command(), out);
  DescribeWords("Args", container.args(), out);
  if (status != nullptr) DescribeStatus(*status, out);
  DescribeAmounts("Limits", container.resources().limits(), out);
  DescribeAmounts("Requests", container.resources().requests(), out);
  DescribeProbe("Liveness", container.has_liveness_probe(), container.liveness_probe(), out);
  DescribeProbe("Readiness", container.has_readiness_probe(), container.readiness_probe(), out);
  DescribeProbe("Startup", container.has_startup_probe(), container.startup_probe(), out);
  DescribeEnvironment(container, pod, out);
  DescribeMounts(container, out);
}

}  // namespace

std::string ProbeText(const v1::Probe& probe) {
  const std::string numbers = absl::StrCat(
      "delay=", probe.initial_delay_seconds(), "s timeout=", probe.timeout_seconds(),
      "s period=", probe.period_seconds(), "s successThreshold=", probe.success_threshold(),
      " failureThreshold=", probe.failure_threshold());
  if (probe.has_exec()) {
    return absl::StrCat("exec [", absl::StrJoin(probe.exec().command(), " "), "] ", numbers);
  }
  if (probe.has_http_get()) {
    const v1::HTTPGetAction& action = probe.http_get();
    return absl::StrCat("http-get ", absl::AsciiStrToLower(action.scheme()), "://", action.host(),
                        ":", model::ToText(action.port()),
                        action.path().starts_with('/') ? "" : "/", action.path(), " ", numbers);
  }
  if (probe.has_tcp_socket()) {
    return absl::StrCat("tcp-socket ", probe.tcp_socket().host(), ":",
                        model::ToText(probe.tcp_socket().port()), " ", numbers);
  }
  if (probe.has_grpc()) {
    return absl::StrCat("grpc <pod>:", probe.grpc().port(), " ", probe.grpc().service(), " ",
                        numbers);
  }
  return absl::StrCat("unknown ", numbers);
}

void DescribeContainers(std::string_view title, const Containers& containers,
                        const ContainerStatuses& statuses, const v1::Pod* pod,
                        std::string_view indent, std::string& out) {
  std::map<std::string, const v1::ContainerStatus*> by_name;
  for (const v1::ContainerStatus& status : statuses) by_name[status.name()] = &status;
  out += indent;
  out += title;
  out += containers.empty() ? ": <none>\n" : ":\n";
  for (const v1::Container& container : containers) {
    const auto status = by_name.find(container.name());
    DescribeContainer(container, status == by_name.end() ? nullptr : status->second, pod, indent,
                      out);
  }
}

}  // namespace muster::coordinator
