#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/runtime/runtime.h"
#include "agent/translate/context.h"
#include "muster/v1/container.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// From a pod spec to what the runtime is told (kubelet's mapping onto CRI v1). Pure functions.

// Labels and annotations that tie runtime objects to pods. Third-party tools read the first group.
inline constexpr char kLabelPodName[] = "io.kubernetes.pod.name";
inline constexpr char kLabelPodNamespace[] = "io.kubernetes.pod.namespace";
inline constexpr char kLabelPodUid[] = "io.kubernetes.pod.uid";
inline constexpr char kLabelContainerName[] = "io.kubernetes.container.name";
inline constexpr char kLabelNodeUid[] = "muster.dev/node-uid";
inline constexpr char kAnnotationHash[] = "io.kubernetes.container.hash";
inline constexpr char kAnnotationRestartCount[] = "io.kubernetes.container.restartCount";
inline constexpr char kAnnotationTerminationPath[] =
    "io.kubernetes.container.terminationMessagePath";
inline constexpr char kAnnotationTerminationPolicy[] =
    "io.kubernetes.container.terminationMessagePolicy";
inline constexpr char kAnnotationContainerType[] = "io.kubernetes.container.type";
// How to stop it, for whoever has lost its specification; both as JSON, and only where there is
// one.
inline constexpr char kAnnotationPorts[] = "io.kubernetes.container.ports";
inline constexpr char kAnnotationPreStop[] = "io.kubernetes.container.preStopHandler";
// What its specification said of resources, as JSON: by it one sees that it says something else.
inline constexpr char kAnnotationResources[] = "muster.dev/container-resources";
// Its postStart hook is owed to it. Older agents did not set it, nor run the hook.
inline constexpr char kAnnotationPostStart[] = "muster.dev/post-start";
inline constexpr char kAnnotationGrace[] = "io.kubernetes.pod.terminationGracePeriod";

absl::StatusOr<SandboxConfig> MakeSandboxConfig(const v1::Pod& pod, uint32_t attempt,
                                                const NodeContext& node);

// An error is why the container waits with CreateContainerConfigError; its message is shown as is.
absl::StatusOr<ContainerConfig> MakeContainerConfig(
    const v1::Pod& pod, const v1::Container& container, bool is_init, uint32_t restart_count,
    const ResolvedImage& image, const PodContext& context, const NodeContext& node,
    const ConfigSource& configs);

// The container's variables in the order of their definition, as kubelet evaluates them: envFrom,
// then env, later ones win. `skipped` (optional) gets envFrom keys that are no variable names.
using Environment = std::vector<std::pair<std::string, std::string>>;
absl::StatusOr<Environment> ResolveEnvironment(const v1::Pod& pod, const v1::Container& container,
                                               const std::vector<std::string>& pod_ips,
                                               const NodeContext& node, const ConfigSource& configs,
                                               std::vector<std::string>* skipped = nullptr);

// As much of a container as its annotations tell of how to stop it: its ports and its preStop hook.
// What cannot be read is left out.
v1::Container RecallHandlers(const std::string& name,
                             const std::map<std::string, std::string>& annotations);

// A change of it means that a running container has to be replaced. Only the fields of a container
// that may change in a stored pod count; the prefix names the algorithm, and a hash with another
// prefix says nothing (so that an upgrade of the agent restarts nobody).
std::string DefinitionHash(const v1::Container& container);

// /var/log/pods/NS_NAME_UID
std::string PodLogDirectory(const v1::Pod& pod, const NodeContext& node);
// What the pod calls itself: at most 63 characters, as the kernel has it.
std::string HostNameOf(const v1::Pod& pod);
// What of the pod's DNS settings resolvers would not read, and was left out; nullopt: nothing.
std::optional<std::string> DnsLeftOut(const v1::Pod& pod, const NodeContext& node);
// The link that log collectors watch: POD_NS_CONTAINER-ID.log, cut to fit a file name.
std::string ContainerLogLinkName(const v1::Pod& pod, const std::string& container,
                                 const std::string& container_id);

}  // namespace muster::agent
