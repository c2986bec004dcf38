#include "coordinator/store/sqlite/schema.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/status.h"

namespace muster::coordinator {
namespace {

// `entries` is the present. `changes` is the way back: what each written key held before. What it
// held after is what the next change of the key held before, or the entry itself. So a value is
// written once when it becomes the present and once when it becomes the past.
constexpr char kTables[] = R"sql(
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL,
  compacted INTEGER NOT NULL
);
INSERT INTO state VALUES (1, 0, 0);
CREATE TABLE entries (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  value BLOB NOT NULL,
  create_revision INTEGER NOT NULL,
  mod_revision INTEGER NOT NULL
);
CREATE TABLE changes (
  revision INTEGER NOT NULL,
  position INTEGER NOT NULL,
  key BLOB NOT NULL,
  previous_value BLOB,
  previous_create_revision INTEGER NOT NULL,
  previous_mod_revision INTEGER NOT NULL,
  PRIMARY KEY (revision, position)
) WITHOUT ROWID;
)sql";

absl::Status CreateTables(Database& database) {
  MUSTER_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  absl::Status status =
      database.Execute(absl::StrCat(kTables, "PRAGMA application_id = ", kStoreApplicationId,
                                    "; PRAGMA user_version = ", kSchemaVersion, "; COMMIT"));
  if (!status.ok()) database.Rollback();
  return status;
}

absl::Status CheckIntegrity(Database& database) {
  MUSTER_ASSIGN_OR_RETURN(const std::string verdict, database.QueryText("PRAGMA quick_check(1)"));
  if (verdict != "ok") return absl::DataLossError(verdict);
  MUSTER_ASSIGN_OR_RETURN(const int64_t states, database.QueryNumber("SELECT count(*) FROM state"));
  if (states != 1) return absl::DataLossError("its revision is missing");
  MUSTER_ASSIGN_OR_RETURN(
      const int64_t from_the_future,
      database.QueryNumber("SELECT count(*) FROM entries, state WHERE mod_revision > revision"));
  if (from_the_future != 0) return absl::DataLossError("values are newer than its revision");
  return absl::OkStatus();
}

// True when there is nothing in the file.
absl::StatusOr<bool> CheckIdentity(Database& database) {
  MUSTER_ASSIGN_OR_RETURN(const int64_t application, database.QueryNumber("PRAGMA application_id"));
  MUSTER_ASSIGN_OR_RETURN(const int64_t version, database.QueryNumber("PRAGMA user_version"));
  MUSTER_ASSIGN_OR_RETURN(const int64_t tables,
                          database.QueryNumber("SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && tables == 0) return true;
  if (application != kStoreApplicationId) {
    return absl::FailedPreconditionError("a SQLite database, but not one of Muster");
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat("written by a newer Muster (schema ", version,
                                                      ", this program knows up to ", kSchemaVersion,
                                                      "); install that version again"));
  }
  return false;
}

absl::Status Prepare(Database& database) {
  MUSTER_ASSIGN_OR_RETURN(const bool empty, CheckIdentity(database));
  if (!empty) MUSTER_RETURN_IF_ERROR(CheckIntegrity(database));
  // FULL: an acknowledged transaction is in the log on disk, not only in the kernel's memory.
  MUSTER_RETURN_IF_ERROR(database.Execute("PRAGMA synchronous = FULL"));
  MUSTER_ASSIGN_OR_RETURN(const std::string mode, database.QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError("its file system cannot hold a write-ahead log");
  }
  if (empty) return CreateTables(database);
  return database.Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion));
}

}  // namespace

absl::Status PrepareSchema(Database& database, const std::string& path) {
  const absl::Status status = Prepare(database);
  if (!absl::IsDataLoss(status)) return Annotate(status, absl::StrCat("the store ", path));
  return absl::DataLossError(absl::StrCat("the store ", path, " is damaged (", status.message(),
                                          "); put a backup in its place"));
}

}  // namespace muster::coordinator
