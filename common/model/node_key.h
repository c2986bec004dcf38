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
// The id of the key that its agent seals with, as it said last; of the one that it was asked to
// replace, until it has; and why it has not. Notes of the coordinator as well.
inline constexpr char kSealingKeyAnnotation[] = "muster.dev/sealing-key";
inline constexpr char kReplaceSealingKeyAnnotation[] = "muster.dev/sealing-key-to-replace";
inline constexpr char kSealingKeyProblemAnnotation[] = "muster.dev/sealing-key-problem";

}  // namespace muster::model
