#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::model {

// Kubernetes' marks on pods that come from a node's own files and not from the coordinator.
inline constexpr char kConfigSourceAnnotation[] = "kubernetes.io/config.source";
inline constexpr char kConfigHashAnnotation[] = "kubernetes.io/config.hash";
inline constexpr char kConfigSeenAnnotation[] = "kubernetes.io/config.seen";
inline constexpr char kConfigMirrorAnnotation[] = "kubernetes.io/config.mirror";

// Where a static pod comes from.
struct StaticPodOrigin {
  std::string node;  // Its name.
  std::string file;  // The path.
  WallTime changed;  // When the file was last written.
};

// The pod that a node runs for a manifest in its directory of static pods (kubelet's rule): its
// name ends in the node's, it is bound to it and stays whatever befalls it, everything not said is
// defaulted, and its uid is a hash of the manifest, the node and the file, so that an edited file
// is another pod. InvalidArgument says what a static pod may not have: a ConfigMap, a Secret or a
// service account, which only the coordinator could give it, or no containers.
absl::StatusOr<v1::Pod> MakeStaticPod(const v1::Pod& manifest, const StaticPodOrigin& origin);

// The object that stands for it in the cluster: the same with the mark of a mirror, owned by its
// node.
v1::Pod MirrorOf(const v1::Pod& static_pod, const std::string& node_uid);
bool IsMirror(const v1::Pod& pod);
bool IsStatic(const v1::Pod& pod);

// Why an agent may not have this mirror made for its node: it would give the node what is not its
// own. Empty: it may.
std::string MirrorProblem(const v1::Pod& mirror, const std::string& node);

}  // namespace muster::model
