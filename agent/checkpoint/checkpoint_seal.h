#pragma once

#include <string>

#include "absl/status/status.h"

namespace muster::agent {

// The key that Secrets are sealed with in what an agent keeps. Loop thread only; blocks on small
// files, as the checkpoint itself.
class CheckpointSeal {
 public:
  virtual ~CheckpointSeal() = default;
  virtual std::string KeyId() const = 0;
  // Seals everything with a new key, unless the one with this id is not in use any more: whoever
  // asks twice gets one. FailedPrecondition when the key is not this program's to change.
  virtual absl::Status Replace(const std::string& id) = 0;
};

}  // namespace muster::agent
