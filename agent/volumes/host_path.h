#pragma once

#include "absl/status/status.h"
#include "muster/v1/volume.pb.h"

namespace muster::agent {

// Checks a hostPath volume against its type, and makes what an ...OrCreate type asks for. Symbolic
// links are followed. Without a type nothing is checked (the runtime makes a missing directory).
absl::Status CheckHostPath(const v1::HostPathVolumeSource& source);

}  // namespace muster::agent
