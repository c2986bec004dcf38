#include "agent/checkpoint/key_file_seal.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {

absl::StatusOr<std::unique_ptr<KeyFileSeal>> KeyFileSeal::Open(const seal::KeySource& source) {
  MUSTER_ASSIGN_OR_RETURN(std::vector<seal::SealingKey> keys, seal::LoadOrCreateKeys(source));
  return std::unique_ptr<KeyFileSeal>(new KeyFileSeal(source, std::move(keys)));
}

absl::Status KeyFileSeal::Settle(FileCheckpoint& checkpoint) {
  checkpoint_ = &checkpoint;
  return DropOthers();
}

// Those of a credential are its unit's.
absl::Status KeyFileSeal::DropOthers() {
  const auto keys = ring_.keys();
  if (keys->size() == 1 || source_.is_credential) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(seal::SaveKeys(source_, {keys->front()}));
  ring_.KeepFirst();
  return absl::OkStatus();
}

absl::Status KeyFileSeal::Replace(const std::string& id) {
  if (id != ring_.current_id()) {
    // Perhaps the last part of it did not work.
    return checkpoint_ == nullptr ? absl::OkStatus() : DropOthers();
  }
  if (source_.is_credential) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the key comes from systemd's credential ", source_.path,
        ": put a new one in front of it in the unit's credential and restart the agent"));
  }
  if (checkpoint_ == nullptr) return absl::UnavailableError("the checkpoint is not loaded yet");
  MUSTER_ASSIGN_OR_RETURN(seal::SealingKey key, seal::SealingKey::Generate());
  std::vector<seal::SealingKey> keys = {key};
  const auto present = ring_.keys();
  keys.insert(keys.end(), present->begin(), present->end());
  MUSTER_RETURN_IF_ERROR(seal::SaveKeys(source_, keys));
  ring_.Add(std::move(key));
  // Should it not work, the next start seals it anew.
  MUSTER_RETURN_IF_ERROR(checkpoint_->Reseal());
  return DropOthers();
}

}  // namespace muster::agent
