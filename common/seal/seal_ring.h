#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/seal/sealing_key.h"

namespace muster::seal {

// Seals records with the first of its keys and opens what any of them has sealed.
//
// A record is AES-256-GCM: a mark that begins no message of protobuf, the key's id, a random nonce,
// the sealed bytes and their tag. What it is the record of (its name in the store, say) is sealed
// along, so that one cannot be put in the place of another. Thread-safe; copying shares nothing.
class SealRing {
 public:
  // At least one; the first one seals.
  explicit SealRing(std::vector<SealingKey> keys);

  absl::StatusOr<std::string> Seal(std::string_view plain, std::string_view name) const;
  // FailedPrecondition: sealed with a key that is not here (the message names it and those that
  // are), or in a way that only a newer Muster knows. DataLoss: the record was changed, or is that
  // of another name.
  absl::StatusOr<std::string> Open(std::string_view sealed, std::string_view name) const;

  // Which seals from now on; the others go on opening.
  void Add(SealingKey key) ABSL_LOCKS_EXCLUDED(mutex_);
  // The others open nothing any more.
  void KeepFirst() ABSL_LOCKS_EXCLUDED(mutex_);
  std::string current_id() const { return keys()->front().id(); }
  // The first one seals.
  std::shared_ptr<const std::vector<SealingKey>> keys() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const std::vector<SealingKey>> keys_ ABSL_GUARDED_BY(mutex_);
};

// Pure looks at what is stored. What a later version seals in another way is sealed as well.
bool IsSealed(std::string_view record);
// The id of the key that a record is sealed with; empty when it is not sealed.
std::string KeyIdOf(std::string_view record);

}  // namespace muster::seal
