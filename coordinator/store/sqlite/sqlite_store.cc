#include "coordinator/store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "coordinator/store/sqlite/schema.h"
#include "coordinator/store/transaction.h"

namespace muster::coordinator {
namespace {

constexpr char kGet[] = "SELECT value, create_revision, mod_revision FROM entries WHERE key = ?1";
constexpr char kList[] =
    "SELECT key, value, create_revision, mod_revision FROM entries"
    " WHERE key >= ?1 AND key < ?2 ORDER BY key";
// For prefixes without an end, such as the empty one. With an OR in the statement above, SQLite
// would read up to the end for every list.
constexpr char kListToEnd[] =
    "SELECT key, value, create_revision, mod_revision FROM entries WHERE key >= ?1 ORDER BY key";
constexpr char kPut[] =
    "INSERT INTO entries (key, value, create_revision, mod_revision) VALUES (?1, ?2, ?3, ?3)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, mod_revision = excluded.mod_revision";
constexpr char kLog[] = "INSERT INTO changes VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
// ?3 is the end of the prefix; NULL when there is none.
constexpr char kBacklog[] =
    "SELECT revision, key, previous_value, previous_create_revision, previous_mod_revision"
    " FROM changes WHERE revision > ?1 AND key >= ?2 AND (?3 IS NULL OR key < ?3)"
    " ORDER BY revision, position";

// Gives up the transaction on every way out but the good one.
class RollbackGuard {
 public:
  explicit RollbackGuard(Database& database) : database_(&database) {}
  RollbackGuard(const RollbackGuard&) = delete;
  RollbackGuard& operator=(const RollbackGuard&) = delete;
  ~RollbackGuard() {
    if (database_ != nullptr) database_->Rollback();
  }
  void Committed() { database_ = nullptr; }

 private:
  Database* database_;
};

// A statement must not stay in the middle of its rows: that would hold a snapshot for ever.
class ResetGuard {
 public:
  explicit ResetGuard(Statement& statement) : statement_(statement) {}
  ResetGuard(const ResetGuard&) = delete;
  ResetGuard& operator=(const ResetGuard&) = delete;
  ~ResetGuard() { statement_.Reset(); }

 private:
  Statement& statement_;
};

absl::StatusOr<std::optional<KeyValue>> GetWith(Statement& get, const std::string& key) {
  const ResetGuard reset(get);
  MUSTER_ASSIGN_OR_RETURN(const bool row, get.BindBytes(1, key).Step());
  if (!row) return std::optional<KeyValue>();
  return std::optional<KeyValue>(KeyValue{key, get.Bytes(0), get.Number(1), get.Number(2)});
}

// What is locked is the file's content as a whole, by whoever can open it: a lock of its own, since
// SQLite's locks come and go with each transaction.
std::string LockPath(const std::string& path) { return path + ".lock"; }

// Secrets are in it, and SQLite would let the umask decide.
absl::Status CreateFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening the store ", path));
  ::close(fd);
  return absl::OkStatus();
}

}  // namespace

SqliteStore::Lock::~Lock() { ::close(fd_); }

absl::StatusOr<std::unique_ptr<SqliteStore::Lock>> SqliteStore::TakeLock(const std::string& path) {
  const std::string lock_path = LockPath(path);
  const int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening ", lock_path));
  auto lock = std::make_unique<Lock>(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return absl::ErrnoToStatus(errno, absl::StrCat("locking ", lock_path));
    std::string holder = ReadFile(lock_path, 64).value_or("");
    absl::StripTrailingAsciiWhitespace(&holder);
    return absl::FailedPreconditionError(absl::StrCat(
        "the store ", path, " is in use by another coordinator",
        holder.empty() ? "" : absl::StrCat(" (process ", holder, ")"), "; stop that one first"));
  }
  // Only to be named in the message above, so a failure changes nothing.
  const std::string pid = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(fd, 0) == 0) (void)!::write(fd, pid.data(), pid.size());
  return lock;
}

absl::StatusOr<SqliteStore::Writer> SqliteStore::OpenWriter(const std::string& path) {
  Writer writer;
  MUSTER_ASSIGN_OR_RETURN(writer.database, Database::Open(path));
  MUSTER_RETURN_IF_ERROR(PrepareSchema(writer.database, path));
  // A log that once grew gives its space back.
  MUSTER_RETURN_IF_ERROR(writer.database.Execute("PRAGMA journal_size_limit = 67108864"));
  const std::pair<Statement*, const char*> statements[] = {
      {&writer.begin, "BEGIN IMMEDIATE"},
      {&writer.commit, "COMMIT"},
      {&writer.get, kGet},
      {&writer.put, kPut},
      {&writer.remove, "DELETE FROM entries WHERE key = ?1"},
      {&writer.log, kLog},
      {&writer.set_state, "UPDATE state SET revision = ?1, compacted = ?2 WHERE id = 1"},
      {&writer.forget, "DELETE FROM changes WHERE revision <= ?1"},
      {&writer.backlog, kBacklog}};
  for (const auto& [statement, sql] : statements) {
    MUSTER_ASSIGN_OR_RETURN(*statement, writer.database.Prepare(sql));
  }
  MUSTER_ASSIGN_OR_RETURN(writer.revision,
                          writer.database.QueryNumber("SELECT revision FROM state"));
  MUSTER_ASSIGN_OR_RETURN(writer.compacted,
                          writer.database.QueryNumber("SELECT compacted FROM state"));
  return writer;
}

absl::StatusOr<SqliteStore::Reader> SqliteStore::OpenReader(const std::string& path) {
  Reader reader;
  MUSTER_ASSIGN_OR_RETURN(reader.database, Database::Open(path));
  MUSTER_RETURN_IF_ERROR(reader.database.Execute("PRAGMA query_only = ON"));
  const std::pair<Statement*, const char*> statements[] = {
      {&reader.begin, "BEGIN"},
      {&reader.commit, "COMMIT"},
      {&reader.get, kGet},
      {&reader.list, kList},
      {&reader.list_to_end, kListToEnd},
      {&reader.revision, "SELECT revision FROM state"}};
  for (const auto& [statement, sql] : statements) {
    MUSTER_ASSIGN_OR_RETURN(*statement, reader.database.Prepare(sql));
  }
  return reader;
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const Options& options) {
  MUSTER_ASSIGN_OR_RETURN(std::unique_ptr<Lock> lock, TakeLock(options.path));
  MUSTER_RETURN_IF_ERROR(CreateFile(options.path));
  MUSTER_ASSIGN_OR_RETURN(Writer writer, OpenWriter(options.path));
  MUSTER_ASSIGN_OR_RETURN(Reader reader, OpenReader(options.path));
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(options, std::move(lock), std::move(writer), std::move(reader)));
}

SqliteStore::SqliteStore(const Options& options, std::unique_ptr<Lock> lock, Writer writer,
                         Reader reader)
    : options_(options),
      lock_(std::move(lock)),
      writer_(std::move(writer)),
      reader_(std::move(reader)) {}

SqliteStore::~SqliteStore() = default;

absl::StatusOr<std::optional<KeyValue>> SqliteStore::Get(const std::string& key) {
  MutexLock lock(&reader_mutex_);
  return GetWith(reader_.get, key);
}

absl::StatusOr<Listing> SqliteStore::List(const std::string& prefix) {
  MutexLock lock(&reader_mutex_);
  Listing listing;
  MUSTER_ASSIGN_OR_RETURN(listing.revision, ScanWith(reader_, prefix, [&](const KeyValue& item) {
                            listing.items.push_back(item);
                          }));
  return listing;
}

// On a connection of its own, since it takes as long as the caller does.
absl::StatusOr<int64_t> SqliteStore::Scan(const std::string& prefix,
                                          const std::function<void(const KeyValue&)>& each) {
  MUSTER_ASSIGN_OR_RETURN(Reader reader, OpenReader(options_.path));
  return ScanWith(reader, prefix, each);
}

absl::StatusOr<int64_t> SqliteStore::ScanWith(Reader& reader, const std::string& prefix,
                                              const std::function<void(const KeyValue&)>& each) {
  // One snapshot for the revision and the items.
  MUSTER_RETURN_IF_ERROR(reader.begin.Run());
  RollbackGuard rollback(reader.database);
  MUSTER_ASSIGN_OR_RETURN(const bool found, reader.revision.Step());
  MUSTER_CHECK(found);  // The schema makes the row and nothing removes it.
  const int64_t revision = reader.revision.Number(0);
  reader.revision.Reset();
  {
    const std::optional<std::string> end = EndOfPrefix(prefix);
    Statement& rows = end ? reader.list : reader.list_to_end;
    const ResetGuard reset(rows);
    rows.BindBytes(1, prefix);
    if (end) rows.BindBytes(2, *end);
    for (;;) {
      MUSTER_ASSIGN_OR_RETURN(const bool row, rows.Step());
      if (!row) break;
      each(KeyValue{rows.Bytes(0), rows.Bytes(1), rows.Number(2), rows.Number(3)});
    }
  }
  MUSTER_RETURN_IF_ERROR(reader.commit.Run());
  rollback.Committed();
  return revision;
}

absl::Status SqliteStore::Scrub() {
  MutexLock lock(&writer_mutex_);
  MUSTER_RETURN_IF_ERROR(Annotate(writer_.database.Execute("VACUUM"), "rewriting the store"));
  return Annotate(writer_.database.QueryNumber("PRAGMA wal_checkpoint(TRUNCATE)").status(),
                  "rewriting the store");
}

absl::StatusOr<int64_t> SqliteStore::CurrentRevision() {
  MutexLock lock(&reader_mutex_);
  const ResetGuard reset(reader_.revision);
  MUSTER_ASSIGN_OR_RETURN(const bool found, reader_.revision.Step());
  MUSTER_CHECK(found);
  return reader_.revision.Number(0);
}

absl::StatusOr<int64_t> SqliteStore::Transact(const Transaction& transaction) {
  MUSTER_RETURN_IF_ERROR(CheckTransaction(transaction));
  MutexLock lock(&writer_mutex_);
  MUSTER_RETURN_IF_ERROR(CheckConditions(transaction));
  MUSTER_RETURN_IF_ERROR(Annotate(writer_.begin.Run(), "writing to the store"));
  RollbackGuard rollback(writer_.database);
  const int64_t revision = writer_.revision + 1;
  int64_t compacted = writer_.compacted;
  if (auto to = AutoCompaction(revision, compacted, options_.history_revisions)) compacted = *to;
  std::vector<Change> changes;
  absl::Status status = WriteAll(transaction, revision, changes);
  if (status.ok()) status = WriteState(revision, compacted);
  if (status.ok()) status = writer_.commit.Run();
  if (!status.ok()) return Annotate(status, "writing to the store");
  rollback.Committed();
  writer_.revision = revision;
  writer_.compacted = compacted;
  hub_.Publish(std::move(changes));
  return revision;
}

// Outside the transaction: nobody else writes while the mutex is held.
absl::Status SqliteStore::CheckConditions(const Transaction& transaction) {
  for (const Condition& condition : transaction.conditions) {
    MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> present,
                            GetWith(writer_.get, condition.key));
    const int64_t actual = present ? present->mod_revision : 0;
    if (actual != condition.mod_revision) return ConditionFailed(condition, actual);
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::WriteAll(const Transaction& transaction, int64_t revision,
                                   std::vector<Change>& ret_changes) {
  for (const Write& write : transaction.writes) {
    Change change;
    MUSTER_ASSIGN_OR_RETURN(change.previous, GetWith(writer_.get, write.key));
    if (!write.value && !change.previous) continue;
    Statement& log = writer_.log;
    log.BindNumber(1, revision);
    log.BindNumber(2, static_cast<int64_t>(ret_changes.size())).BindBytes(3, write.key);
    if (change.previous) {
      log.BindBytes(4, change.previous->value);
      log.BindNumber(5, change.previous->create_revision);
      log.BindNumber(6, change.previous->mod_revision);
    } else {
      log.BindNull(4).BindNumber(5, 0).BindNumber(6, 0);
    }
    MUSTER_RETURN_IF_ERROR(log.Run());
    change.kv.key = write.key;
    change.kv.mod_revision = revision;
    if (write.value) {
      change.kind = Change::Kind::kPut;
      change.kv.value = *write.value;
      change.kv.create_revision = change.previous ? change.previous->create_revision : revision;
      writer_.put.BindBytes(1, write.key).BindBytes(2, *write.value).BindNumber(3, revision);
      MUSTER_RETURN_IF_ERROR(writer_.put.Run());
    } else {
      change.kind = Change::Kind::kDelete;
      MUSTER_RETURN_IF_ERROR(writer_.remove.BindBytes(1, write.key).Run());
    }
    ret_changes.push_back(std::move(change));
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::WriteState(int64_t revision, int64_t compacted) {
  if (compacted > writer_.compacted) {
    MUSTER_RETURN_IF_ERROR(writer_.forget.BindNumber(1, compacted).Run());
  }
  return writer_.set_state.BindNumber(1, revision).BindNumber(2, compacted).Run();
}

absl::Status SqliteStore::Compact(int64_t revision) {
  MutexLock lock(&writer_mutex_);
  MUSTER_RETURN_IF_ERROR(CheckCompaction(revision, writer_.revision));
  if (revision <= writer_.compacted) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(Annotate(writer_.begin.Run(), "compacting the store"));
  RollbackGuard rollback(writer_.database);
  absl::Status status = WriteState(writer_.revision, revision);
  if (status.ok()) status = writer_.commit.Run();
  if (!status.ok()) return Annotate(status, "compacting the store");
  rollback.Committed();
  writer_.compacted = revision;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Watch>> SqliteStore::WatchFrom(const std::string& prefix,
                                                              int64_t after_revision,
                                                              OnChanges on_changes) {
  // Held until the hub has the watch, so that no commit falls between backlog and watch.
  MutexLock lock(&writer_mutex_);
  MUSTER_RETURN_IF_ERROR(CheckWatchStart(after_revision, writer_.compacted, writer_.revision));
  std::vector<Change> backlog;
  if (after_revision < writer_.revision) {
    MUSTER_ASSIGN_OR_RETURN(backlog, ReadBacklog(prefix, after_revision));
  }
  return hub_.Add(prefix, std::move(backlog), std::move(on_changes));
}

absl::StatusOr<std::vector<Change>> SqliteStore::ReadBacklog(const std::string& prefix,
                                                             int64_t after_revision) {
  std::vector<Change> changes;
  Statement& rows = writer_.backlog;
  const ResetGuard reset(rows);
  rows.BindNumber(1, after_revision).BindBytes(2, prefix);
  if (const std::optional<std::string> end = EndOfPrefix(prefix)) {
    rows.BindBytes(3, *end);
  } else {
    rows.BindNull(3);
  }
  for (;;) {
    MUSTER_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) break;
    Change change;
    change.kv.key = rows.Bytes(1);
    change.kv.mod_revision = rows.Number(0);
    if (!rows.IsNull(2)) {
      change.previous = KeyValue{change.kv.key, rows.Bytes(2), rows.Number(3), rows.Number(4)};
    }
    changes.push_back(std::move(change));
  }
  // From the newest to the oldest: what a key held before a change is what the change before it
  // left behind.
  std::map<std::string, std::optional<KeyValue>> after;
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    const auto [known, unknown] = after.try_emplace(change->kv.key);
    if (unknown) {
      MUSTER_ASSIGN_OR_RETURN(known->second, GetWith(writer_.get, change->kv.key));
    }
    if (known->second) {
      if (known->second->mod_revision != change->kv.mod_revision) {
        return absl::DataLossError(absl::StrCat("the history of ", change->kv.key, " has a gap"));
      }
      change->kv = *std::move(known->second);
    } else {
      change->kind = Change::Kind::kDelete;
    }
    known->second = change->previous;
  }
  return changes;
}

}  // namespace muster::coordinator
