#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace muster::agent {

// What makes a host a node, below STATE/pki: node.key (0600), node.crt and ca.crt.
struct NodeIdentity {
  std::string node_name;  // The certificate's.
  std::string key_pem, certificate_pem, ca_pem;
};

std::string NodeKeyPath(const std::string& state_dir);
std::string NodeCertificatePath(const std::string& state_dir);
std::string CaPath(const std::string& state_dir);

// NotFound before the host has joined; FailedPrecondition when the files do not belong together.
// Both say what to do. Reads the disk; whether the certificate has expired is for others to see.
absl::StatusOr<NodeIdentity> LoadNodeIdentity(const std::string& state_dir);

}  // namespace muster::agent
