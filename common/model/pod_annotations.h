#pragma once

// Annotations of pods, and of the templates they are made from, that Muster reads itself.
namespace muster::model {

// "empty": every container gets an empty read-only directory where Kubernetes shows the token of
// the pod's service account. There are no tokens here; this is for programs that refuse to start
// without the directory.
inline constexpr char kServiceAccountVolumeAnnotation[] = "muster.dev/service-account-volume";
inline constexpr char kServiceAccountVolumeEmpty[] = "empty";
inline constexpr char kServiceAccountMountPath[] = "/var/run/secrets/kubernetes.io/serviceaccount";

// "true": the agent itself leads the pod's host ports to it, and not before it is ready, so that a
// successor of the same controller may have the same ports beside it. Also on a DaemonSet, whose
// pods then get it.
inline constexpr char kZeroGapAnnotation[] = "muster.dev/zero-gap";

}  // namespace muster::model
