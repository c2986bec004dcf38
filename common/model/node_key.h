#pragma once

namespace muster::model {

// The annotation of a Node with the hash (sha256:HEX) of the public key that is its host's. Who has
// the key is that node, so nothing but joining writes it.
inline constexpr char kNodeKeyHashAnnotation[] = "muster.dev/node-key-hash";

}  // namespace muster::model
