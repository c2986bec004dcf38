#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/random.h"
#include "coordinator/placement/priority.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// Five characters that cannot form a word, as Kubernetes puts behind generated names.
std::string RandomSuffix(const RandomBits& random);

// The generateName of the pods of a DaemonSet: its name and a dash, or only its name when that
// would be too long a name.
std::string PodNamePrefix(const std::string& daemon_set);

// A name for a new pod that `taken` does not know, at most 63 characters. ResourceExhausted after
// eight draws that are all taken.
absl::StatusOr<std::string> DrawPodName(const std::string& daemon_set, const RandomBits& random,
                                        const std::function<bool(const std::string&)>& taken);

// All pods of one DaemonSet revision but for what differs from node to node: the template with
// everything that Kubernetes adds to a daemon pod and to any pod. NotFound when the template's
// priority class does not exist, in Kubernetes' words.
//
// metadata.uid and creationTimestamp are left to whoever stores it.
absl::StatusOr<v1::Pod> MakePodPattern(const v1::DaemonSet& daemon_set, std::string_view hash,
                                       const PriorityClasses& priority_classes);

// Whose pods they are, and how these are called.
struct PodOwner {
  std::string name;
  std::string ns;
  v1::OwnerReference reference;
};

// The same for another controller that places its pods as a DaemonSet does.
absl::StatusOr<v1::Pod> MakePodPattern(const PodOwner& owner, const v1::PodTemplateSpec& source,
                                       const PriorityClasses& priority_classes);

// One pod of the pattern for one node: named, pinned to the node by its affinity, not bound yet.
v1::Pod MakePod(const v1::Pod& pattern, const std::string& name, const std::string& node);

}  // namespace muster::coordinator
