#include "coordinator/store/sealed/sealed_store.h"

#include <utility>
#include <vector>

#include "common/base/macros.h"
#include "common/base/status.h"

namespace muster::coordinator {
namespace {

constexpr std::string_view kSealedPrefix = "/secrets/";

absl::Status OpenValue(const seal::SealRing& ring, KeyValue& item) {
  if (!IsSealedKey(item.key) || !seal::IsSealed(item.value)) return absl::OkStatus();
  absl::StatusOr<std::string> plain = ring.Open(item.value, item.key);
  if (!plain.ok()) return Annotate(plain.status(), item.key);
  item.value = *std::move(plain);
  return absl::OkStatus();
}

absl::Status OpenAll(const seal::SealRing& ring, std::vector<Change>& changes) {
  for (Change& change : changes) {
    MUSTER_RETURN_IF_ERROR(OpenValue(ring, change.kv));
    if (change.previous) MUSTER_RETURN_IF_ERROR(OpenValue(ring, *change.previous));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsSealedKey(std::string_view key) {
  return key.substr(0, kSealedPrefix.size()) == kSealedPrefix;
}

absl::StatusOr<std::optional<KeyValue>> SealedStore::Get(const std::string& key) {
  MUSTER_ASSIGN_OR_RETURN(std::optional<KeyValue> item, store_.Get(key));
  if (item) MUSTER_RETURN_IF_ERROR(OpenValue(ring_, *item));
  return item;
}

absl::StatusOr<Listing> SealedStore::List(const std::string& prefix) {
  MUSTER_ASSIGN_OR_RETURN(Listing listing, store_.List(prefix));
  for (KeyValue& item : listing.items) MUSTER_RETURN_IF_ERROR(OpenValue(ring_, item));
  return listing;
}

absl::StatusOr<int64_t> SealedStore::Scan(const std::string& prefix,
                                          const std::function<void(const KeyValue&)>& each) {
  absl::Status status;
  MUSTER_ASSIGN_OR_RETURN(const int64_t revision, store_.Scan(prefix, [&](const KeyValue& stored) {
    if (!IsSealedKey(stored.key)) return each(stored);
    KeyValue item = stored;
    status.Update(OpenValue(ring_, item));
    if (status.ok()) each(item);
  }));
  MUSTER_RETURN_IF_ERROR(status);
  return revision;
}

absl::StatusOr<int64_t> SealedStore::Transact(const Transaction& transaction) {
  bool any = false;
  for (const Write& write : transaction.writes) any |= write.value && IsSealedKey(write.key);
  if (!any) return store_.Transact(transaction);
  Transaction sealed = transaction;
  for (Write& write : sealed.writes) {
    if (!write.value || !IsSealedKey(write.key)) continue;
    MUSTER_ASSIGN_OR_RETURN(write.value, ring_.Seal(*write.value, write.key));
  }
  return store_.Transact(sealed);
}

absl::StatusOr<std::unique_ptr<Watch>> SealedStore::WatchFrom(const std::string& prefix,
                                                              int64_t after_revision,
                                                              OnChanges on_changes) {
  // A status is the last call, and the store does not know that there was one.
  auto ended = std::make_shared<bool>(false);
  return store_.WatchFrom(prefix, after_revision,
                          [this, ended, on_changes = std::move(on_changes)](
                              absl::StatusOr<std::vector<Change>> changes) {
                            if (*ended) return;
                            if (changes.ok()) {
                              if (absl::Status opened = OpenAll(ring_, *changes); !opened.ok())
                                changes = opened;
                            }
                            *ended = !changes.ok();
                            on_changes(std::move(changes));
                          });
}

}  // namespace muster::coordinator
