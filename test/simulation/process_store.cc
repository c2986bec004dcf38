#include "test/simulation/process_store.h"

#include <utility>

#include "common/base/macros.h"

namespace muster::simulation {

using coordinator::Change;
using coordinator::KeyValue;
using coordinator::Listing;
using coordinator::Transaction;

namespace {

absl::Status Dead() { return absl::UnavailableError("the process is dead"); }

}  // namespace

absl::string_view NameOf(Writer writer) {
  switch (writer) {
    case Writer::kUsers:
      return "users";
    case Writer::kControllers:
      return "controllers";
    case Writer::kServices:
      return "services";
    case Writer::kSessions:
      return "sessions";
  }
  return "";
}

absl::Status ProcessStore::Reading() {
  if (!life_->alive()) return Dead();
  if (dice_.Chance(around_.weather.read_fails)) return absl::UnavailableError("disk I/O error");
  return absl::OkStatus();
}

absl::StatusOr<std::optional<KeyValue>> ProcessStore::Get(const std::string& key) {
  MUSTER_RETURN_IF_ERROR(Reading());
  auto found = around_.disk.Get(key);
  if (found.ok() && *found && around_.spoiler.reading) around_.spoiler.reading(writer_, **found);
  return found;
}

absl::StatusOr<Listing> ProcessStore::List(const std::string& prefix) {
  MUSTER_RETURN_IF_ERROR(Reading());
  auto listing = around_.disk.List(prefix);
  if (listing.ok()) around_.on_list(writer_, prefix);
  if (listing.ok() && around_.spoiler.reading) {
    for (KeyValue& item : listing->items) around_.spoiler.reading(writer_, item);
  }
  return listing;
}

absl::StatusOr<int64_t> ProcessStore::Transact(const Transaction& wanted) {
  if (!life_->Pass()) return Dead();
  if (dice_.Chance(around_.weather.fails)) return absl::UnavailableError("disk I/O error");
  if (dice_.Chance(around_.weather.conflicts)) {
    return absl::AbortedError("the object has been modified");
  }
  Transaction transaction = wanted;
  if (around_.spoiler.writing) around_.spoiler.writing(writer_, around_.disk, transaction);

  const absl::StatusOr<int64_t> revision = around_.disk.Transact(transaction);
  if (!revision.ok()) return revision;
  Committed committed{writer_, *revision, {}};
  for (coordinator::Write& write : transaction.writes) {
    CommittedKey& key = committed.keys.emplace_back();
    key.key = write.key;
    if (write.value) {
      key.after = KeyValue{.key = write.key, .value = *std::move(write.value)};
      key.after->mod_revision = *revision;
    }
  }
  around_.on_commit(committed);
  if (!life_->Pass()) return Dead();
  if (dice_.Chance(around_.weather.answer_lost)) return absl::UnavailableError("no answer");
  return revision;
}

absl::StatusOr<std::unique_ptr<coordinator::Watch>> ProcessStore::WatchFrom(
    const std::string& prefix, int64_t after_revision, OnChanges on_changes) {
  MUSTER_RETURN_IF_ERROR(Reading());
  if (!around_.spoiler.reading) {
    return around_.disk.WatchFrom(prefix, after_revision, std::move(on_changes));
  }
  return around_.disk.WatchFrom(
      prefix, after_revision,
      [this, on_changes = std::move(on_changes)](absl::StatusOr<std::vector<Change>> changes) {
        if (changes.ok()) {
          for (Change& change : *changes) {
            if (change.kind == Change::Kind::kPut) around_.spoiler.reading(writer_, change.kv);
          }
        }
        on_changes(std::move(changes));
      });
}

absl::Status ProcessStore::Compact(int64_t revision) {
  return life_->alive() ? around_.disk.Compact(revision) : Dead();
}

absl::StatusOr<int64_t> ProcessStore::CurrentRevision() {
  MUSTER_RETURN_IF_ERROR(Reading());
  return around_.disk.CurrentRevision();
}

}  // namespace muster::simulation
