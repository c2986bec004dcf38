#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace muster::pki {

// Keys, certificates and hashes of a fleet, on OpenSSL. Texts are PEM unless a name says otherwise.
// Functions are pure but for those that make keys or connect; everything is thread-safe. What comes
// from outside is parsed with bounds and checked; InvalidArgument says what is wrong with it.

// Names that certificates of this fleet carry.
inline constexpr char kCoordinatorDnsName[] = "muster-coordinator";
inline constexpr char kNodeOrganization[] = "system:nodes";
inline constexpr char kUserOrganization[] = "muster:users";
std::string NodeCommonName(std::string_view node_name);  // "system:node:NAME"
// The NAME of "system:node:NAME"; empty when it is no node's.
std::string NodeNameOf(std::string_view common_name, std::string_view organization);

// A private key. A value that shares its key; copying is cheap.
class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate();  // ECDSA P-256
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem);
  // Keep it in files of mode 0600 and nowhere else.
  absl::StatusOr<std::string> ToPem() const;
  // sha256:HEX of its public half (SubjectPublicKeyInfo in DER).
  absl::StatusOr<std::string> PublicKeyHash() const;

  struct Impl;
  explicit PrivateKey(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

struct CertificateInfo {
  std::string common_name, organization;
  std::vector<std::string> dns_names, ip_addresses;
  WallTime not_before, not_after;
  bool is_ca = false;
  std::string public_key_hash;  // sha256:HEX
};
absl::StatusOr<CertificateInfo> ParseCertificate(std::string_view pem);

struct KeyAndCertificate {
  std::string key_pem, certificate_pem;
};

// A self-signed CA that may only sign end certificates.
absl::StatusOr<KeyAndCertificate> MakeCa(std::string_view common_name, WallTime now,
                                         std::chrono::seconds lifetime);

// A server certificate for `names` (DNS names and addresses), always for kCoordinatorDnsName too.
absl::StatusOr<KeyAndCertificate> MakeServerCertificate(const KeyAndCertificate& ca,
                                                        const std::vector<std::string>& names,
                                                        WallTime now,
                                                        std::chrono::seconds lifetime);

// A client certificate for this identity and the public key of the request; nothing else in the
// request is taken over. The request's signature has to prove that its sender has the key, and the
// key has to be ECDSA P-256, as ours are: others can be made to cost us any amount of time.
absl::StatusOr<std::string> SignClientRequest(const KeyAndCertificate& ca,
                                              std::string_view request_pem,
                                              std::string_view common_name,
                                              std::string_view organization, WallTime now,
                                              std::chrono::seconds lifetime);

absl::StatusOr<std::string> MakeRequest(const PrivateKey& key, std::string_view common_name);
// sha256:HEX of the public key of a request whose signature holds.
absl::StatusOr<std::string> RequestPublicKeyHash(std::string_view request_pem);

// "sha256:HEX" of the certificate's public key (SubjectPublicKeyInfo in DER, as kubeadm pins CAs).
absl::StatusOr<std::string> PublicKeyHash(std::string_view certificate_pem);

// Is `certificate` signed by `ca`, or by one of them, and valid at `now`?
absl::Status VerifyIssuedBy(std::string_view certificate_pem, std::string_view ca_pem,
                            WallTime now);

// A bundle is the texts of CAs one after the other: all that are trusted, more than one while a
// fleet's CA is replaced. In their order, each alone; InvalidArgument when there is none, more than
// 16, or what is none.
absl::StatusOr<std::vector<std::string>> SplitBundle(std::string_view bundle_pem);
// The hash (as PublicKeyHash) of the CA in the bundle that signed this certificate, at whatever
// time that was. NotFound when none of them did.
absl::StatusOr<std::string> IssuerAmong(std::string_view certificate_pem,
                                        std::string_view bundle_pem);
// The hashes of all CAs in a bundle, in their order.
absl::StatusOr<std::vector<std::string>> HashesOf(std::string_view bundle_pem);

// When a certificate is to be renewed: when two thirds of its life are over, and up to a tenth of
// it later, as `dice` (0 to 1) has it, so that certificates made together are not all renewed at
// once. So a third of its life, or nearly, is left for a coordinator that cannot be reached.
WallTime RenewalTime(WallTime not_before, WallTime not_after, double dice);

// Connects with TLS, trusting nobody yet, reads the chain that is presented and returns the CA in
// it whose public key has `ca_hash`. Unavailable when it cannot connect within `timeout`,
// PermissionDenied when no certificate of the chain has the hash. Blocks. `ret_server_pem`, unless
// null, gets the server's own certificate, about which nothing is checked yet.
absl::StatusOr<std::string> FetchCa(const std::string& address, const std::string& ca_hash,
                                    std::chrono::milliseconds timeout,
                                    std::string* ret_server_pem = nullptr);

std::string Sha256Hex(std::string_view data);
// Takes as long whatever the texts have in common.
bool EqualInConstantTime(std::string_view a, std::string_view b);

}  // namespace muster::pki
