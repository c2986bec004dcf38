#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/translate/context.h"
#include "agent/translate/translate.h"
#include "agent/volumes/tree_size.h"
#include "muster/v1/container.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// The files of pods on the host: volumes, /etc/hosts, termination messages.
//
// Everything lives below ROOT/pods/UID, so that Remove finds it without the pod. Calls block on
// the local disk only and are idempotent: a second Prepare of the same content writes nothing.
// Not thread-safe; one caller at a time.
class VolumeHost {
 public:
  virtual ~VolumeHost() = default;

  // Makes the volumes, or brings them up to date when a ConfigMap, a Secret or the pod's labels
  // changed (readers see the old or the new files, never a mix). An error is why the pod waits
  // with FailedMount; it names the volume and may be tried again.
  virtual absl::Status Prepare(const v1::Pod& pod, const NodeContext& node,
                               const ConfigSource& configs) = 0;

  // What one instance of a container mounts. Before every CreateContainer, after Prepare.
  virtual absl::StatusOr<ContainerFiles> PrepareContainer(const v1::Pod& pod,
                                                          const v1::Container& container,
                                                          uint32_t restart_count,
                                                          const std::vector<std::string>& pod_ips,
                                                          const Environment& environment) = 0;

  // What the instance left in its termination message file: the last 4096 bytes; empty if none.
  virtual std::string TerminationMessage(const std::string& pod_uid, const std::string& container,
                                         uint32_t restart_count) = 0;

  // Unmounts and deletes everything of the pod. OK when there is nothing.
  virtual absl::Status Remove(const std::string& pod_uid) = 0;

  // The UIDs of which anything is there, also of a former life of the agent.
  virtual absl::StatusOr<std::vector<std::string>> ListPods() = 0;

  // What the pod's emptyDirs take up on the disk, by volume. May take long; on any thread.
  virtual std::map<std::string, TreeSize> EmptyDirSizes(const v1::Pod& pod) const = 0;
};

}  // namespace muster::agent
