#include "agent/loop/node_status.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/workload/pod_status.h"
#include "common/model/bridge_network.h"
#include "common/model/canonical_text.h"

namespace muster::agent {
namespace {

void AddCondition(const std::string& type, bool holds, const std::string& reason,
                  const std::string& message, const v1::NodeStatus& previous, WallTime now,
                  v1::NodeStatus& status) {
  v1::NodeCondition& condition = *status.add_conditions();
  condition.set_type(type);
  condition.set_status(holds ? "True" : "False");
  condition.set_reason(reason);
  condition.set_message(message);
  *condition.mutable_last_heartbeat_time() = ToApiTime(now);
  *condition.mutable_last_transition_time() = ToApiTime(now);
  for (const v1::NodeCondition& old : previous.conditions()) {
    if (old.type() == type && old.status() == condition.status()) {
      *condition.mutable_last_transition_time() = old.last_transition_time();
    }
  }
}

struct PressureTexts {
  const char *condition, *reason, *message, *fine_reason, *fine_message;
};
constexpr PressureTexts kPressureTexts[] = {
    {"MemoryPressure", "KubeletHasInsufficientMemory", "there is insufficient memory available",
     "KubeletHasSufficientMemory", "there is sufficient memory available"},
    {"DiskPressure", "KubeletHasDiskPressure", "there is insufficient disk space available",
     "KubeletHasNoDiskPressure", "there is sufficient disk space available"},
    {"PIDPressure", "KubeletHasInsufficientPID", "there are insufficient PIDs available",
     "KubeletHasSufficientPID", "there are sufficient PIDs available"},
};

std::string NotReadyText(const std::string& what, const std::string& message) {
  return absl::StrCat("container runtime ", what, "=false message:", message);
}

}  // namespace

std::vector<std::string> NodeIps(const std::string& configured, const HostFacts& facts) {
  if (configured.empty()) return facts.addresses;
  return absl::StrSplit(configured, ',');
}

std::string RuntimeProblem(const RuntimeInfo& info) {
  return info.runtime_ready ? "" : NotReadyText("not ready: RuntimeReady", info.runtime_message);
}

std::string NetworkProblem(const RuntimeInfo& info) {
  return info.network_ready ? ""
                            : NotReadyText("network not ready: NetworkReady", info.network_message);
}

std::vector<v1::ContainerImage> LargestImages(const std::vector<ImageStatus>& images) {
  constexpr size_t kImagesMax = 50;
  constexpr int kNamesMax = 5;
  std::vector<v1::ContainerImage> largest;
  for (const ImageStatus& image : images) {
    v1::ContainerImage& told = largest.emplace_back();
    for (const auto* names : {&image.digests, &image.tags}) {
      for (const std::string& name : *names) {
        if (told.names_size() < kNamesMax) told.add_names(name);
      }
    }
    if (told.names().empty()) told.add_names(image.id);
    told.set_size_bytes(static_cast<int64_t>(image.size_bytes));
  }
  // The runtime lists them in any order.
  std::ranges::sort(largest, [](const v1::ContainerImage& a, const v1::ContainerImage& b) {
    if (a.size_bytes() != b.size_bytes()) return a.size_bytes() > b.size_bytes();
    return a.names(0) < b.names(0);
  });
  if (largest.size() > kImagesMax) largest.resize(kImagesMax);
  return largest;
}

v1::NodeStatus MakeNodeStatus(const NodeStatusInput& input, const v1::NodeStatus& previous,
                              WallTime now) {
  const HostFacts& facts = input.facts;
  v1::NodeStatus status;
  const auto set = [&status](const std::string& resource, const std::string& amount) {
    (*status.mutable_capacity())[resource].set_text(amount);
    (*status.mutable_allocatable())[resource].set_text(amount);
  };
  set("cpu", absl::StrCat(facts.cpus));
  set("memory", absl::StrCat(facts.memory_bytes / 1024, "Ki"));
  set("ephemeral-storage", absl::StrCat(facts.ephemeral_storage_bytes / 1024, "Ki"));
  set("pods", absl::StrCat(input.pods_max));
  const auto keep = [&status](const std::string& resource, int64_t all_bytes, int64_t kept_bytes) {
    (*status.mutable_allocatable())[resource].set_text(
        absl::StrCat(std::max<int64_t>(all_bytes - kept_bytes, 0) / 1024, "Ki"));
  };
  keep("memory", facts.memory_bytes, input.memory_kept_bytes);
  keep("ephemeral-storage", facts.ephemeral_storage_bytes, input.disk_kept_bytes);

  const auto address = [&status](const std::string& type, const std::string& text) {
    v1::NodeAddress& entry = *status.add_addresses();
    entry.set_type(type);
    entry.set_address(text);
  };
  for (const std::string& ip : NodeIps(input.node_ip, facts)) address("InternalIP", ip);
  // Kubernetes: a node whose name was given has it as its host name, too.
  address("Hostname", input.node_name.empty() ? facts.hostname : input.node_name);

  v1::NodeSystemInfo& info = *status.mutable_node_info();
  info.set_machine_id(facts.machine_id);
  info.set_system_uuid(facts.system_uuid);
  info.set_boot_id(facts.boot_id);
  info.set_kernel_version(facts.kernel_version);
  info.set_os_image(facts.os_image);
  if (input.runtime) {
    info.set_container_runtime_version(
        absl::StrCat(input.runtime->name, "://", input.runtime->version));
  } else {
    info.set_container_runtime_version(previous.node_info().container_runtime_version());
  }
  info.set_kubelet_version(input.agent_version);
  info.set_operating_system("linux");
  info.set_architecture(facts.architecture);

  for (const PressureTexts& texts : kPressureTexts) {
    const bool suffers = std::ranges::find(input.pressure, texts.condition) != input.pressure.end();
    AddCondition(texts.condition, suffers, suffers ? texts.reason : texts.fine_reason,
                 suffers ? texts.message : texts.fine_message, previous, now, status);
  }
  if (input.pod_network) {
    status.add_declared_features(model::kBridgeNetworkFeature);
    AddCondition("NetworkUnavailable", input.pod_network->unavailable, input.pod_network->reason,
                 input.pod_network->message, previous, now, status);
  }
  if (input.images != nullptr) {
    for (v1::ContainerImage& image : LargestImages(*input.images)) {
      *status.add_images() = std::move(image);
    }
  }
  std::vector<std::string> problems;
  for (const std::string& problem : input.problems) {
    if (!problem.empty()) problems.push_back(problem);
  }
  if (problems.empty()) {
    AddCondition("Ready", true, "KubeletReady", "muster-agent is posting ready status", previous,
                 now, status);
  } else {
    const std::string all = absl::StrJoin(problems, ", ");
    AddCondition("Ready", false, "KubeletNotReady",
                 problems.size() == 1 ? all : absl::StrCat("[", all, "]"), previous, now, status);
  }
  return status;
}

bool SameNodeStatus(const v1::NodeStatus& a, const v1::NodeStatus& b) {
  const auto bare = [](v1::NodeStatus status) {
    for (v1::NodeCondition& condition : *status.mutable_conditions()) {
      condition.clear_last_heartbeat_time();
    }
    return model::CanonicalText(status);
  };
  return bare(a) == bare(b);
}

}  // namespace muster::agent
