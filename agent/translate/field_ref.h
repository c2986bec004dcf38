#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/translate/context.h"
#include "muster/v1/meta.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// The value of a downward API field. `pod_ips` is empty while they are not known.
// Fields of single keys (metadata.labels['k']) give "" when the key is missing; the whole maps give
// one key="value" line each, sorted, values quoted. InvalidArgument for a path there is none of.
absl::StatusOr<std::string> FieldRefValue(const v1::Pod& pod, const std::string& field_path,
                                          const std::vector<std::string>& pod_ips,
                                          const NodeContext& node);

// limits.X or requests.X of the named container (`default_container` when none is named), divided
// by the divisor and rounded up. A missing limit is the node's allocatable, a missing request 0.
absl::StatusOr<std::string> ResourceFieldRefValue(const v1::Pod& pod,
                                                  const v1::ResourceFieldSelector& selector,
                                                  const std::string& default_container,
                                                  const NodeContext& node);

}  // namespace muster::agent
