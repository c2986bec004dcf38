#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/seal/sealing_key.h"

namespace muster::seal {

// Where a program's sealing keys are: one base64 text of 32 bytes in a line, of which the first one
// seals and all open; lines with # in front and empty ones are passed over.
struct KeySource {
  std::string path;
  // Handed over by systemd (LoadCredential=, LoadCredentialEncrypted=); it cannot be written.
  bool is_credential = false;
};

// The credential of this name when systemd has passed one on ($CREDENTIALS_DIRECTORY is given as
// `credentials`, null when it is not set), otherwise the file.
KeySource FindKeySource(const char* credentials, const std::string& name, const std::string& file);

// NotFound when it is not there; InvalidArgument, with the line, for what is no key.
absl::StatusOr<std::vector<SealingKey>> LoadKeys(const KeySource& source);
// As they are from then on, in a file of mode 0600. FailedPrecondition for a credential.
absl::Status SaveKeys(const KeySource& source, const std::vector<SealingKey>& keys);
// With a new key in a new file when there is none yet.
absl::StatusOr<std::vector<SealingKey>> LoadOrCreateKeys(const KeySource& source);

}  // namespace muster::seal
