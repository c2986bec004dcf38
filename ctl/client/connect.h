#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ctl/client/admin_client.h"

namespace muster::ctl {

// Where the coordinator is and who is asking.
struct Endpoint {
  std::string server;  // "unix:/path" or "host:port"
  // Files; only for host:port, where both sides prove who they are.
  std::string certificate_authority, client_certificate, client_key;
};

inline constexpr char kLocalSocket[] = "unix:/run/muster/coordinator.sock";

// The first of: `flag`, $MUSTER_SERVER, the user's config file (`config_path`, silently when there
// is none), the local admin socket. Keys of the file: server, certificateAuthority,
// clientCertificate, clientKey. An address without certificates for host:port is an error that
// says how to get them.
absl::StatusOr<Endpoint> FindEndpoint(const std::string& flag, const char* environment,
                                      const std::string& config_path);

// Connects at the first call. InvalidArgument for files that cannot be read.
absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const Endpoint& endpoint);

}  // namespace muster::ctl
