#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/runtime/runtime.h"
#include "agent/translate/context.h"
#include "muster/v1/container.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

struct Namespaces {
  NamespaceMode network, pid, ipc;
};
Namespaces NamespacesOf(const v1::PodSpec& spec);

// True when any container is privileged: the runtime then wants a privileged sandbox.
bool AnyPrivileged(const v1::PodSpec& spec);

// securityContext of pod and container (the container's wins) onto `config`. FailedPrecondition
// when the container must not run as root but would.
absl::Status ApplySecurity(const v1::Pod& pod, const v1::Container& container,
                           const ResolvedImage& image, const NodeContext& node,
                           ContainerConfig& config);

SeccompProfile MakeSeccomp(const v1::SeccompProfile& profile, const NodeContext& node);

// The container's labels, else the pod's; nullopt: those that the runtime makes up.
std::optional<SelinuxOptions> MakeSelinux(const v1::PodSecurityContext& of_pod,
                                          const v1::SecurityContext& own);

// The AppArmor profile of a container: that of its own field, else of the annotation that had it
// before there were fields, else of the pod's field. As the runtime names it: "runtime/default",
// "unconfined", "localhost/NAME"; "": whatever the runtime has for everybody.
std::string AppArmorOf(const v1::Pod& pod, const v1::Container& container);

// Kubernetes: true when a container would run without the profile that it asks for on a host that
// has no AppArmor.
bool NeedsAppArmor(const v1::Pod& pod);

// The pod's own groups: supplementalGroups, then fsGroup.
std::vector<int64_t> SupplementalGroups(const v1::PodSecurityContext& context);

}  // namespace muster::agent
