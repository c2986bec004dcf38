#include "agent/enrol/join.h"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/enrol/enrol_call.h"
#include "agent/enrol/node_identity.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "common/config/config_edit.h"
#include "common/pki/pki.h"

namespace muster::agent {
namespace {

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The settings file as it has to become. Asked before anything is sent: what cannot be written
// must not use up a token.
absl::StatusOr<std::string> NewConfig(const JoinOptions& options, const JoinRequest& request) {
  absl::StatusOr<std::string> text = ReadFile(options.config_path, 1 << 20);
  if (absl::IsNotFound(text.status())) text = "";
  if (!text.ok()) return text.status();
  std::vector<std::pair<std::string, std::string>> settings = {
      {"coordinator", options.flags.coordinator}, {"nodeName", request.node_name}};
  if (options.state_dir != JoinOptions().state_dir) {
    settings.emplace_back("stateDir", options.state_dir);
  }
  if (!options.network.empty()) settings.emplace_back("network", options.network);
  return SetConfigKeys(*text, options.config_path, settings);
}

absl::Status WriteConfig(const std::string& path, const std::string& text) {
  struct stat info;
  const bool is_there = ::stat(path.c_str(), &info) == 0;
  MUSTER_RETURN_IF_ERROR(MakeDirectories(ParentOf(path), 0755));
  return WriteFileAtomically(path, text, is_there ? info.st_mode & 0777 : 0644);
}

// The key of an earlier run, so that running again means the same node; else a new one.
absl::StatusOr<pki::PrivateKey> TakeKey(const std::string& path) {
  const absl::StatusOr<std::string> present = ReadFile(path, 64 << 10);
  if (present.ok()) return pki::PrivateKey::FromPem(*present);
  if (!absl::IsNotFound(present.status())) return present.status();
  MUSTER_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Generate());
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, key.ToPem());
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(path, pem, 0600));
  return key;
}

// The pinned CA, from a coordinator whose certificate is good now.
absl::StatusOr<std::string> TrustedCa(const JoinOptions& options, WallTime now) {
  std::string server_pem;
  MUSTER_ASSIGN_OR_RETURN(
      std::string ca_pem,
      pki::FetchCa(options.flags.coordinator, options.flags.ca_hash, options.timeout, &server_pem));
  for (const std::string& certificate : {server_pem, ca_pem}) {
    MUSTER_RETURN_IF_ERROR(Annotate(pki::VerifyIssuedBy(certificate, ca_pem, now),
                                    absl::StrCat("the coordinator ", options.flags.coordinator)));
  }
  return ca_pem;
}

}  // namespace

absl::StatusOr<JoinResult> Join(const JoinOptions& options, const Clock& clock) {
  utsname host = {};
  MUSTER_CHECK(::uname(&host) == 0);
  MUSTER_ASSIGN_OR_RETURN(const JoinRequest request,
                          MakeJoinRequest(options.flags, host.nodename, host.machine));
  MUSTER_ASSIGN_OR_RETURN(const std::string config, NewConfig(options, request));
  MUSTER_RETURN_IF_ERROR(MakeDirectories(ParentOf(NodeKeyPath(options.state_dir)), 0700));
  const std::string key_path = NodeKeyPath(options.state_dir);
  absl::StatusOr<pki::PrivateKey> key = TakeKey(key_path);
  if (!key.ok()) return Annotate(key.status(), key_path);

  MUSTER_ASSIGN_OR_RETURN(const std::string ca_pem, TrustedCa(options, clock.Wall()));
  EnrolCall call;
  call.coordinator = options.flags.coordinator;
  call.ca_pem = ca_pem;
  call.timeout = options.timeout;
  call.token = options.flags.token;
  call.request = request;
  MUSTER_ASSIGN_OR_RETURN(call.csr_pem,
                          pki::MakeRequest(*key, pki::NodeCommonName(request.node_name)));
  MUSTER_ASSIGN_OR_RETURN(const RenewedCertificate answer, CallEnrol(call));
  absl::StatusOr<WallTime> ends = CheckNodeCertificate(answer.certificate_pem, answer.ca_pem, *key,
                                                       request.node_name, clock.Wall());
  if (!ends.ok()) return Annotate(ends.status(), "the coordinator's answer");

  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(CaPath(options.state_dir), answer.ca_pem, 0644));
  MUSTER_RETURN_IF_ERROR(
      WriteFileAtomically(NodeCertificatePath(options.state_dir), answer.certificate_pem, 0644));
  MUSTER_RETURN_IF_ERROR(WriteConfig(options.config_path, config));
  return JoinResult{request.node_name, *ends};
}

}  // namespace muster::agent
