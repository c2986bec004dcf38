#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/hygiene/pressure.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// What one container uses of what pods are evicted for. Bytes.
struct ContainerUsage {
  std::optional<int64_t> memory;  // Working set; none: the runtime does not tell.
  int64_t writable_layer = 0;
  int64_t logs = 0;
};

// A pod that may have to go, and what it uses. Plain value.
struct PodUsage {
  std::string uid;
  std::shared_ptr<const v1::Pod> pod;
  std::map<std::string, ContainerUsage> containers;  // By name; those that run.
  std::map<std::string, int64_t> empty_dirs;         // Bytes on disk, by volume.
  int64_t inodes = 0;                                // Of all of that.
  int64_t pids = 0;
};

inline constexpr char kEvictedReason[] = "Evicted";

// Why a pod goes, in the words of Kubernetes.
struct Eviction {
  std::string message;
  std::chrono::seconds grace{1};
  std::string reason = kEvictedReason;
  bool operator==(const Eviction&) const = default;
};

// Static pods, and those of system priority: they are not evicted, and admitted under pressure.
bool IsCritical(const v1::Pod& pod);

// The pods in the order in which they go for `shortage`; without the critical ones. As kubelet
// ranks: memory and disk by whether they use more than they asked for, then by priority, then by
// how much more; process ids by priority and how many they have. What is not known goes first.
// With `split_disks` images and writable layers are on a disk of their own.
std::vector<const PodUsage*> RankForEviction(const std::vector<PodUsage>& pods,
                                             const Shortage& shortage, bool split_disks);

// Of the first of them. A threshold without grace gives a pod a second, one with grace what the
// pod asks for, but at most `grace_max`.
Eviction MakeEviction(const PodUsage& pod, const Shortage& shortage,
                      std::chrono::seconds grace_max);

// Whether the pod uses more of the disk than itself allows (emptyDir's sizeLimit, limits of
// ephemeral-storage), which is no matter of the node's room.
std::optional<Eviction> ExceedsOwnLimits(const PodUsage& usage);
// Whether it has such limits at all.
bool LimitsItsDisk(const v1::Pod& pod);

// What a pod that comes to a node with these conditions is told; nullopt: it may come.
std::optional<std::string> RefusedUnderPressure(const v1::Pod& pod,
                                                const std::vector<std::string>& conditions);

}  // namespace muster::agent
