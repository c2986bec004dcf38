#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/seal/seal_ring.h"
#include "coordinator/store/store.h"

namespace muster::coordinator {

// Is the value of this key sealed? Of Secrets, as a whole: their labels may tell as much.
bool IsSealedKey(std::string_view key);

// A store in which the values of Secrets are sealed, whatever it is kept in. Values that are not
// sealed yet are read as they are, and sealed when they are written. Thread-safe.
class SealedStore final : public Store {
 public:
  // Both outlive it.
  SealedStore(Store& store, const seal::SealRing& ring) : store_(store), ring_(ring) {}

  // Beside the errors of the store: those of SealRing::Open, with the key.
  absl::StatusOr<std::optional<KeyValue>> Get(const std::string& key) override;
  absl::StatusOr<Listing> List(const std::string& prefix) override;
  absl::StatusOr<int64_t> Scan(const std::string& prefix,
                               const std::function<void(const KeyValue&)>& each) override;
  absl::StatusOr<int64_t> Transact(const Transaction& transaction) override;
  absl::StatusOr<std::unique_ptr<Watch>> WatchFrom(const std::string& prefix,
                                                   int64_t after_revision,
                                                   OnChanges on_changes) override;
  absl::Status Compact(int64_t revision) override { return store_.Compact(revision); }
  absl::StatusOr<int64_t> CurrentRevision() override { return store_.CurrentRevision(); }

 private:
  Store& store_;
  const seal::SealRing& ring_;
};

}  // namespace muster::coordinator
