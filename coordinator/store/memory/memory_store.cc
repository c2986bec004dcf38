#include "coordinator/store/memory/memory_store.h"

#include <utility>

#include "absl/strings/match.h"
#include "common/base/macros.h"
#include "coordinator/store/transaction.h"

namespace muster::coordinator {

MemoryStore::MemoryStore(const Options& options) : options_(options), hub_(options.delivery) {}

absl::StatusOr<std::optional<KeyValue>> MemoryStore::Get(const std::string& key) {
  MutexLock lock(&mutex_);
  MUSTER_RETURN_IF_ERROR(read_status_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::optional<KeyValue>();
  return std::optional<KeyValue>(found->second);
}

absl::StatusOr<Listing> MemoryStore::List(const std::string& prefix) {
  Listing listing;
  MUSTER_ASSIGN_OR_RETURN(
      listing.revision, Scan(prefix, [&](const KeyValue& item) { listing.items.push_back(item); }));
  return listing;
}

absl::StatusOr<int64_t> MemoryStore::Scan(const std::string& prefix,
                                          const std::function<void(const KeyValue&)>& each) {
  MutexLock lock(&mutex_);
  MUSTER_RETURN_IF_ERROR(read_status_);
  for (auto it = entries_.lower_bound(prefix);
       it != entries_.end() && absl::StartsWith(it->first, prefix); ++it) {
    each(it->second);
  }
  return revision_;
}

absl::StatusOr<int64_t> MemoryStore::Transact(const Transaction& transaction) {
  MUSTER_RETURN_IF_ERROR(CheckTransaction(transaction));
  MutexLock lock(&mutex_);
  MUSTER_RETURN_IF_ERROR(Check(transaction));
  const std::optional<Fault> fault = TakeFault();
  if (fault && !fault->committed) return fault->status;
  Commit(transaction);
  if (fault) return fault->status;
  return revision_;
}

absl::Status MemoryStore::Check(const Transaction& transaction) const {
  for (const Condition& condition : transaction.conditions) {
    const auto found = entries_.find(condition.key);
    const int64_t actual = found == entries_.end() ? 0 : found->second.mod_revision;
    if (actual != condition.mod_revision) return ConditionFailed(condition, actual);
  }
  return absl::OkStatus();
}

void MemoryStore::Commit(const Transaction& transaction) {
  ++revision_;
  std::vector<Change> changes;
  for (const Write& write : transaction.writes) {
    const auto found = entries_.find(write.key);
    Change change;
    if (found != entries_.end()) change.previous = found->second;
    change.kv.key = write.key;
    change.kv.mod_revision = revision_;
    if (write.value) {
      change.kind = Change::Kind::kPut;
      change.kv.value = *write.value;
      change.kv.create_revision = change.previous ? change.previous->create_revision : revision_;
      entries_[write.key] = change.kv;
    } else {
      if (!change.previous) continue;
      change.kind = Change::Kind::kDelete;
      entries_.erase(found);
    }
    changes.push_back(std::move(change));
  }
  changes_.insert(changes_.end(), changes.begin(), changes.end());
  if (auto to = AutoCompaction(revision_, compacted_, options_.history_revisions)) CompactTo(*to);
  hub_.Publish(std::move(changes));
}

std::optional<MemoryStore::Fault> MemoryStore::TakeFault() {
  if (faults_.empty()) return std::nullopt;
  if (faults_.front().transactions_before > 0) {
    --faults_.front().transactions_before;
    return std::nullopt;
  }
  Fault fault = std::move(faults_.front());
  faults_.pop_front();
  return fault;
}

absl::StatusOr<std::unique_ptr<Watch>> MemoryStore::WatchFrom(const std::string& prefix,
                                                              int64_t after_revision,
                                                              OnChanges on_changes) {
  MutexLock lock(&mutex_);
  MUSTER_RETURN_IF_ERROR(CheckWatchStart(after_revision, compacted_, revision_));
  std::vector<Change> backlog;
  for (const Change& change : changes_) {
    if (change.kv.mod_revision > after_revision && absl::StartsWith(change.kv.key, prefix)) {
      backlog.push_back(change);
    }
  }
  return hub_.Add(prefix, std::move(backlog), std::move(on_changes));
}

absl::Status MemoryStore::Compact(int64_t revision) {
  MutexLock lock(&mutex_);
  MUSTER_RETURN_IF_ERROR(CheckCompaction(revision, revision_));
  CompactTo(revision);
  return absl::OkStatus();
}

void MemoryStore::CompactTo(int64_t revision) {
  if (revision <= compacted_) return;
  compacted_ = revision;
  while (!changes_.empty() && changes_.front().kv.mod_revision <= revision) changes_.pop_front();
}

absl::StatusOr<int64_t> MemoryStore::CurrentRevision() {
  MutexLock lock(&mutex_);
  return revision_;
}

void MemoryStore::InjectFault(Fault fault) {
  MUSTER_CHECK(!fault.status.ok());
  MutexLock lock(&mutex_);
  faults_.push_back(std::move(fault));
}

void MemoryStore::DropFaults() {
  MutexLock lock(&mutex_);
  faults_.clear();
}

void MemoryStore::FailReads(absl::Status status) {
  MutexLock lock(&mutex_);
  read_status_ = std::move(status);
}

void MemoryStore::Deliver() {
  while (hub_.DeliverOne()) {
  }
}

}  // namespace muster::coordinator
