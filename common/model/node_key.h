#pragma once

namespace muster::model {

// The annotation of a Node with the hash (sha256:HEX) of the public key that is its host's. Who has
// the key is that node, so nothing but joining writes it, and revoking, which puts kRevokedKey
// there.
inline constexpr char kNodeKeyHashAnnotation[] = "muster.dev/node-key-hash";
inline constexpr char kRevokedKey[] = "revoked";
// When the newest certificate that was made for it ends (RFC 3339), and the hash of the CA of the
// one that it was last seen with, provided that it trusts that CA too. The coordinator's own notes.
inline constexpr char kCertificateExpiresAnnotation[] = "muster.dev/certificate-expires";
inline constexpr char kCertificateAuthorityAnnotation[] = "muster.dev/certificate-authority";

}  // namespace muster::model
