#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/config/config_file.h"
#include "ctl/client/connect.h"

namespace muster::ctl {

absl::StatusOr<Endpoint> FindEndpoint(const std::string& flag, const char* environment,
                                      const std::string& config_path) {
  Endpoint endpoint;
  if (auto file = ConfigFile::Load(config_path); file.ok()) {
    ConfigSection& root = file->root();
    root.Read("server", endpoint.server);
    root.Read("certificateAuthority", endpoint.certificate_authority);
    root.Read("clientCertificate", endpoint.client_certificate);
    root.Read("clientKey", endpoint.client_key);
    MUSTER_RETURN_IF_ERROR(file->Finish());
  } else if (!absl::IsNotFound(file.status())) {
    return file.status();
  }
  if (!flag.empty()) {
    endpoint.server = flag;
  } else if (environment != nullptr && *environment != '\0') {
    endpoint.server = environment;
  } else if (endpoint.server.empty()) {
    endpoint.server = kLocalSocket;
  }
  const bool has_certificates = !endpoint.certificate_authority.empty() &&
                                !endpoint.client_certificate.empty() &&
                                !endpoint.client_key.empty();
  if (!absl::StartsWith(endpoint.server, "unix:") && !has_certificates) {
    return absl::InvalidArgumentError(absl::StrCat(
        "to reach ", endpoint.server, " over the network, ", config_path,
        " has to name the files certificateAuthority, clientCertificate and clientKey"));
  }
  return endpoint;
}

}  // namespace muster::ctl
