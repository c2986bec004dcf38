#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster::coordinator {

// One stored value. Revisions are of the whole store: each committed transaction takes the next.
struct KeyValue {
  std::string key;
  std::string value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
};

// Holds when the key's mod_revision is `mod_revision`; 0 means "there is no such key".
struct Condition {
  std::string key;
  int64_t mod_revision = 0;
};

// Sets a key, or removes it when `value` is empty-optional. Removing what is not there is fine.
struct Write {
  std::string key;
  std::optional<std::string> value;
};

struct Transaction {
  std::vector<Condition> conditions;
  std::vector<Write> writes;  // No key twice.
};

struct Listing {
  int64_t revision = 0;         // Of the store when the list was taken.
  std::vector<KeyValue> items;  // By key.
};

// One committed change. `previous` is the value before it, when there was one.
struct Change {
  enum class Kind { kPut, kDelete };
  Kind kind = Kind::kPut;
  KeyValue kv;  // For a deletion: the key, mod_revision = revision of the deletion, empty value.
  std::optional<KeyValue> previous;
};

// Ends the watch when destroyed; after that its callback is not running and never runs again
// (do not destroy it from within the callback).
class Watch {
 public:
  virtual ~Watch() = default;
};

// The coordinator's only shared state: a small revisioned key-value store.
//
// Thread-safe. When Transact returns OK the change survives a power cut. Every implementation
// passes test/contract/store.
class Store {
 public:
  // Changes of one revision come together, revisions in order, none missing, none twice.
  // Called on a thread of the store: only hand over (e.g. to an Inbox), never call the store back.
  // A non-OK status is the last call: the watch cannot go on (DataLoss/OutOfRange: compacted).
  using OnChanges = std::function<void(absl::StatusOr<std::vector<Change>>)>;

  virtual ~Store() = default;

  virtual absl::StatusOr<std::optional<KeyValue>> Get(const std::string& key) = 0;
  // Every key that starts with `prefix`.
  virtual absl::StatusOr<Listing> List(const std::string& prefix) = 0;
  // The same, one after the other, without holding all at once: returns the revision that they
  // show. `each` must not call the store.
  virtual absl::StatusOr<int64_t> Scan(const std::string& prefix,
                                       const std::function<void(const KeyValue&)>& each) {
    absl::StatusOr<Listing> listing = List(prefix);
    if (!listing.ok()) return listing.status();
    for (const KeyValue& item : listing->items) each(item);
    return listing->revision;
  }
  // Returns the new revision. Aborted when a condition does not hold: nothing was written.
  // ResourceExhausted when the disk is full, Unavailable when it may be tried again.
  virtual absl::StatusOr<int64_t> Transact(const Transaction& transaction) = 0;
  // Changes with a revision > `after_revision` of keys that start with `prefix`.
  // OutOfRange when these are compacted away, or when the store has not been there yet (it is not
  // the one the caller has seen): list again.
  virtual absl::StatusOr<std::unique_ptr<Watch>> WatchFrom(const std::string& prefix,
                                                           int64_t after_revision,
                                                           OnChanges on_changes) = 0;
  // Forgets changes up to and including `revision`; current values stay.
  virtual absl::Status Compact(int64_t revision) = 0;
  virtual absl::StatusOr<int64_t> CurrentRevision() = 0;
};

}  // namespace muster::coordinator
