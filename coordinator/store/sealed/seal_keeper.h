#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/seal/key_file.h"
#include "common/seal/seal_ring.h"
#include "coordinator/store/store.h"

namespace muster::coordinator {

// Sees to it that everything in a store that is to be sealed is, with the key that seals now.
//
// A change of the key can be interrupted at any moment: the new key is in the file, in front of the
// old one, before anything is sealed with it, and the old one goes when nothing is sealed with it
// any more. Thread-safe.
class SealKeeper {
 public:
  struct Status {
    std::map<std::string, int64_t> records;  // By the id of the key they are sealed with.
    int64_t plain = 0;                       // Should be sealed, and are not.
  };
  struct Rotated {
    std::string key_id;
    int64_t resealed = 0;
  };

  // Reads the keys, makes one when there is none, and seals what is not sealed, or with another one
  // than the first. `store` is the one below SealedStore, and outlives it. `forget` is called when
  // what was sealed leaves copies behind that should be gone; it may do nothing.
  //
  // FailedPrecondition: records are sealed with keys that are not there. DataLoss: a record is
  // damaged. Nothing was changed then; the message says what to do.
  static absl::StatusOr<std::unique_ptr<SealKeeper>> Open(Store& store,
                                                          const seal::KeySource& source,
                                                          std::function<absl::Status()> forget);

  seal::SealRing& ring() { return ring_; }
  const seal::KeySource& source() const { return source_; }

  absl::StatusOr<Status> Look();
  // Makes a new key and seals everything with it. FailedPrecondition when keys come from systemd.
  absl::StatusOr<Rotated> Rotate() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  SealKeeper(Store& store, seal::KeySource source, std::vector<seal::SealingKey> keys,
             std::function<absl::Status()> forget)
      : store_(store),
        source_(std::move(source)),
        forget_(std::move(forget)),
        ring_(std::move(keys)) {}

  absl::Status Begin() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status CheckAll();
  // Returns how many there were to be sealed anew.
  absl::StatusOr<int64_t> SealAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SealOne(KeyValue item);
  absl::Status DropOldKeys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Store& store_;
  const seal::KeySource source_;
  const std::function<absl::Status()> forget_;
  seal::SealRing ring_;
  Mutex mutex_;  // One change at a time.
};

}  // namespace muster::coordinator
