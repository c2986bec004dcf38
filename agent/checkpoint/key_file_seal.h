#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/checkpoint/checkpoint_seal.h"
#include "agent/checkpoint/file_checkpoint.h"
#include "common/seal/key_file.h"
#include "common/seal/seal_ring.h"

namespace muster::agent {

// The keys in a file, and the checkpoint that is sealed with the first.
//
// Interrupted at any moment, what is sealed can be opened: the new key is in the file, in front of
// the old one, before anything is sealed with it, and the old one goes when nothing is any more.
// Loading the checkpoint seals with the first key what is not, and Settle forgets the others.
class KeyFileSeal final : public CheckpointSeal {
 public:
  // Reads the keys, and makes one when there is none.
  static absl::StatusOr<std::unique_ptr<KeyFileSeal>> Open(const seal::KeySource& source);

  const seal::SealRing& ring() const { return ring_; }
  // The checkpoint that uses ring(), once it is loaded; it outlives this. Forgets the keys that
  // nothing is sealed with.
  absl::Status Settle(FileCheckpoint& checkpoint);

  std::string KeyId() const override { return ring_.current_id(); }
  absl::Status Replace(const std::string& id) override;

 private:
  KeyFileSeal(seal::KeySource source, std::vector<seal::SealingKey> keys)
      : source_(std::move(source)), ring_(std::move(keys)) {}
  absl::Status DropOthers();

  const seal::KeySource source_;
  seal::SealRing ring_;
  FileCheckpoint* checkpoint_ = nullptr;
};

}  // namespace muster::agent
