#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ctl/client/admin_client.h"

namespace muster::ctl {

// Where the coordinator is and who is asking.
struct Endpoint {
  std::string server;  // "unix:/path" or "host:port"
  // PEM; only for host:port, where both sides prove who they are.
  std::string ca_pem, certificate_pem, key_pem;
};

// Where the user's settings are.
struct ConfigFileChoice {
  std::string path;
  bool asked_for = false;  // By --config or $MUSTERCONFIG: it has to be there.
  bool by_flag = false;    // By --config: its server counts more than $MUSTER_SERVER.
};

inline constexpr char kLocalSocket[] = "unix:/run/muster/coordinator.sock";

// The first of: `flag`, the server of a file that --config names, $MUSTER_SERVER, the user's config
// file (silently when there is none), the local admin socket. Keys of the file: server; and
// certificateAuthority, clientCertificate and clientKey, which name files, or the same with Data
// behind, which hold them in base64. An address without certificates for host:port is an error that
// says how to get them.
absl::StatusOr<Endpoint> FindEndpoint(const std::string& flag, const char* environment,
                                      const ConfigFileChoice& config);

// The text of a config file with everything in it.
std::string ConfigText(const Endpoint& endpoint);

// Connects at the first call.
absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const Endpoint& endpoint);

}  // namespace muster::ctl
