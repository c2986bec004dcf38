#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"
#include "common/config/config_file.h"
#include "ctl/client/connect.h"

namespace muster::ctl {
namespace {

// One of the three: in the file itself, or in another one that it names.
struct Part {
  const char* key;
  const char* data_key;
  std::string Endpoint::*pem;
  std::string path;
  std::string data;
};

absl::Status Resolve(Part& part, ConfigSection& root, bool needed, Endpoint& endpoint) {
  if (!part.data.empty()) {
    if (!absl::Base64Unescape(part.data, &(endpoint.*part.pem))) {
      root.Refuse(part.data_key, "is not base64");
    }
    return absl::OkStatus();
  }
  // Who uses the local socket has no need of them.
  if (part.path.empty() || !needed) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(endpoint.*part.pem, ReadFile(part.path));
  return absl::OkStatus();
}

std::string ServerOf(const std::string& flag, const char* environment,
                     const std::string& configured, bool by_flag) {
  if (!flag.empty()) return flag;
  if (by_flag && !configured.empty()) return configured;
  if (environment != nullptr && *environment != '\0') return environment;
  return configured.empty() ? kLocalSocket : configured;
}

}  // namespace

absl::StatusOr<Endpoint> FindEndpoint(const std::string& flag, const char* environment,
                                      const ConfigFileChoice& config) {
  Endpoint endpoint;
  std::string configured;
  auto file = ConfigFile::Load(config.path);
  if (file.ok()) {
    ConfigSection& root = file->root();
    root.Read("server", configured);
    endpoint.server = ServerOf(flag, environment, configured, config.by_flag);
    Part parts[] = {
        {"certificateAuthority", "certificateAuthorityData", &Endpoint::ca_pem, "", ""},
        {"clientCertificate", "clientCertificateData", &Endpoint::certificate_pem, "", ""},
        {"clientKey", "clientKeyData", &Endpoint::key_pem, "", ""}};
    for (Part& part : parts) {
      root.Read(part.key, part.path);
      root.Read(part.data_key, part.data);
      MUSTER_RETURN_IF_ERROR(
          Resolve(part, root, !absl::StartsWith(endpoint.server, "unix:"), endpoint));
    }
    MUSTER_RETURN_IF_ERROR(file->Finish());
  } else if (!absl::IsNotFound(file.status()) || config.asked_for) {
    return file.status();
  } else {
    endpoint.server = ServerOf(flag, environment, "", false);
  }
  const bool has_certificates =
      !endpoint.ca_pem.empty() && !endpoint.certificate_pem.empty() && !endpoint.key_pem.empty();
  if (!absl::StartsWith(endpoint.server, "unix:") && !has_certificates) {
    return absl::InvalidArgumentError(absl::StrCat(
        "to reach ", endpoint.server,
        " over the network a certificate is needed: have an "
        "administrator make a file with \"musterctl user create\", and give it with --config, "
        "$MUSTERCONFIG, or as ",
        config.path));
  }
  return endpoint;
}

std::string ConfigText(const Endpoint& endpoint) {
  return absl::StrCat("server: \"", endpoint.server,
                      "\"\ncertificateAuthorityData: ", absl::Base64Escape(endpoint.ca_pem),
                      "\nclientCertificateData: ", absl::Base64Escape(endpoint.certificate_pem),
                      "\nclientKeyData: ", absl::Base64Escape(endpoint.key_pem), "\n");
}

}  // namespace muster::ctl
