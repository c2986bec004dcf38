#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "agent/translate/context.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/volume.pb.h"

namespace muster::agent {

struct PayloadFile {
  std::string content;
  mode_t mode = 0644;
  bool operator==(const PayloadFile&) const = default;
};

// The files of a volume by their path below its root.
using Payload = std::map<std::string, PayloadFile>;

// True for configMap, secret, downwardAPI and projected volumes.
bool HasPayload(const v1::Volume& volume);
// True when the content must not reach a disk.
bool IsSecretPayload(const v1::Volume& volume);

// Pure. NotFound when a ConfigMap, Secret or key is missing that is not optional; the message is
// the one Kubernetes shows. InvalidArgument when two sources give the same path, or one leaves the
// volume.
absl::StatusOr<Payload> MakePayload(const v1::Pod& pod, const v1::Volume& volume,
                                    const NodeContext& node, const ConfigSource& configs);

}  // namespace muster::agent
