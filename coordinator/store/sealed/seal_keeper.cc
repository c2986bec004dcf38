#include "coordinator/store/sealed/seal_keeper.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "coordinator/store/sealed/sealed_store.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr char kPrefix[] = "/secrets/";
constexpr int kConflictsMax = 10;

}  // namespace

absl::StatusOr<std::unique_ptr<SealKeeper>> SealKeeper::Open(Store& store,
                                                             const seal::KeySource& source,
                                                             std::function<absl::Status()> forget) {
  MUSTER_ASSIGN_OR_RETURN(std::vector<seal::SealingKey> keys, seal::LoadOrCreateKeys(source));
  auto keeper = std::unique_ptr<SealKeeper>(
      new SealKeeper(store, source, std::move(keys), std::move(forget)));
  MUSTER_RETURN_IF_ERROR(keeper->Begin());
  return keeper;
}

absl::Status SealKeeper::Begin() {
  MutexLock lock(&mutex_);
  MUSTER_RETURN_IF_ERROR(CheckAll());
  MUSTER_ASSIGN_OR_RETURN(const int64_t sealed, SealAll());
  if (sealed > 0) spdlog::info("{} Secrets were sealed with key {}", sealed, ring_.current_id());
  return DropOldKeys();
}

// Before anything is written: a wrong key is to change nothing.
absl::Status SealKeeper::CheckAll() {
  absl::Status status;
  std::string first;
  int64_t unreadable = 0;
  MUSTER_RETURN_IF_ERROR(store_
                             .Scan(kPrefix,
                                   [&](const KeyValue& item) {
                                     if (!seal::IsSealed(item.value)) return;
                                     const auto plain = ring_.Open(item.value, item.key);
                                     if (plain.ok()) return;
                                     if (++unreadable > 1) return;
                                     status = plain.status();
                                     first = item.key;
                                   })
                             .status());
  if (status.ok()) return absl::OkStatus();
  return absl::Status(
      status.code(),
      absl::StrCat(unreadable, unreadable == 1 ? " Secret" : " Secrets",
                   " of the store cannot be opened with the key in ", source_.path, " (", first,
                   " is ", std::string(status.message()),
                   "); nothing was changed: put the right key there, or restore a backup"));
}

absl::StatusOr<SealKeeper::Status> SealKeeper::Look() {
  Status status;
  MUSTER_RETURN_IF_ERROR(store_
                             .Scan(kPrefix,
                                   [&](const KeyValue& item) {
                                     const std::string id = seal::KeyIdOf(item.value);
                                     id.empty() ? ++status.plain : ++status.records[id];
                                   })
                             .status());
  return status;
}

absl::StatusOr<int64_t> SealKeeper::SealAll() {
  const std::string current = ring_.current_id();
  std::vector<KeyValue> left;
  MUSTER_RETURN_IF_ERROR(store_
                             .Scan(kPrefix,
                                   [&](const KeyValue& item) {
                                     if (seal::KeyIdOf(item.value) != current) left.push_back(item);
                                   })
                             .status());
  for (KeyValue& item : left) MUSTER_RETURN_IF_ERROR(SealOne(std::move(item)));
  if (left.empty()) return 0;
  // What they were before is in the way back of the store.
  MUSTER_ASSIGN_OR_RETURN(const int64_t revision, store_.CurrentRevision());
  MUSTER_RETURN_IF_ERROR(store_.Compact(revision));
  if (forget_) MUSTER_RETURN_IF_ERROR(forget_());
  return static_cast<int64_t>(left.size());
}

absl::Status SealKeeper::SealOne(KeyValue item) {
  absl::Status status;
  for (int i = 0; i < kConflictsMax; ++i) {
    std::string plain = item.value;
    if (seal::IsSealed(item.value)) {
      MUSTER_ASSIGN_OR_RETURN(plain, ring_.Open(item.value, item.key));
    }
    MUSTER_ASSIGN_OR_RETURN(std::string sealed, ring_.Seal(plain, item.key));
    status = store_.Transact({{{item.key, item.mod_revision}}, {{item.key, std::move(sealed)}}})
                 .status();
    if (!absl::IsAborted(status)) return Annotate(status, item.key);
    // Somebody wrote it meanwhile, and so sealed it, or removed it.
    MUSTER_ASSIGN_OR_RETURN(std::optional<KeyValue> now, store_.Get(item.key));
    if (!now || seal::KeyIdOf(now->value) == ring_.current_id()) return absl::OkStatus();
    item = *std::move(now);
  }
  return Annotate(status, item.key);
}

absl::Status SealKeeper::DropOldKeys() {
  const auto keys = ring_.keys();
  if (keys->size() == 1 || source_.is_credential) return absl::OkStatus();
  return seal::SaveKeys(source_, {keys->front()});
}

absl::StatusOr<SealKeeper::Rotated> SealKeeper::Rotate() {
  MutexLock lock(&mutex_);
  if (source_.is_credential) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the key comes from systemd's credential ", source_.path,
        ": put a new one in front of it in the unit's credential and restart the coordinator"));
  }
  MUSTER_ASSIGN_OR_RETURN(seal::SealingKey key, seal::SealingKey::Generate());
  std::vector<seal::SealingKey> keys = {key};
  const auto present = ring_.keys();
  keys.insert(keys.end(), present->begin(), present->end());
  MUSTER_RETURN_IF_ERROR(seal::SaveKeys(source_, keys));
  // In memory the old ones stay: what is on its way to watchers was sealed with them.
  ring_.Add(std::move(key));
  MUSTER_ASSIGN_OR_RETURN(const int64_t resealed, SealAll());
  MUSTER_RETURN_IF_ERROR(DropOldKeys());
  spdlog::info("{} Secrets are sealed with the new key {}", resealed, ring_.current_id());
  return Rotated{ring_.current_id(), resealed};
}

}  // namespace muster::coordinator
