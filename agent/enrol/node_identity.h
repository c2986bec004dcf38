#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/pki/pki.h"

namespace muster::agent {

// What makes a host a node, below STATE/pki: node.key (0600), node.crt and ca.crt.
struct NodeIdentity {
  std::string node_name;  // The certificate's.
  std::string key_pem, certificate_pem;
  std::string ca_pem;  // All that are trusted, one after the other.
};

std::string NodeKeyPath(const std::string& state_dir);
std::string NodeCertificatePath(const std::string& state_dir);
std::string CaPath(const std::string& state_dir);

// NotFound before the host has joined; FailedPrecondition when the files do not belong together.
// Both say what to do. Reads the disk; whether the certificate has expired is for others to see.
absl::StatusOr<NodeIdentity> LoadNodeIdentity(const std::string& state_dir);

// What a coordinator gave as the certificate of this key has to be that, in time, and from one of
// the CAs. When it ends. Pure.
absl::StatusOr<WallTime> CheckNodeCertificate(const std::string& certificate_pem,
                                              const std::string& ca_pem, const pki::PrivateKey& key,
                                              const std::string& node_name, WallTime now);

}  // namespace muster::agent
