#include "coordinator/backup/backup_file.h"

#include <chrono>
#include <functional>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "coordinator/store/sqlite/schema.h"

namespace muster::coordinator {
namespace {

// "MstB".
constexpr int64_t kBackupId = 0x4d737442;
// As far as nobody writes in the lifetime of a backup; etcd's snapshots do the same.
constexpr int64_t kRevisionsAhead = 1'000'000;

constexpr char kTables[] = R"sql(
CREATE TABLE backup_info (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  made INTEGER NOT NULL,
  version TEXT NOT NULL
);
CREATE TABLE backup_keys (
  path TEXT PRIMARY KEY,
  content BLOB NOT NULL
);
DELETE FROM changes;
)sql";

absl::Status InTransaction(Database& database, const std::function<absl::Status()>& write) {
  MUSTER_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  absl::Status status = write();
  if (status.ok()) status = database.Execute("COMMIT");
  if (!status.ok()) database.Rollback();
  return status;
}

}  // namespace

absl::Status TurnIntoBackup(Database& database, const KeyFiles& keys, const BackupReport& report) {
  return InTransaction(database, [&]() -> absl::Status {
    MUSTER_RETURN_IF_ERROR(database.Execute(kTables));
    MUSTER_ASSIGN_OR_RETURN(Statement info,
                            database.Prepare("INSERT INTO backup_info VALUES (1, ?1, ?2)"));
    const auto made = std::chrono::floor<std::chrono::seconds>(report.made.time_since_epoch());
    MUSTER_RETURN_IF_ERROR(info.BindNumber(1, made.count()).BindBytes(2, report.version).Run());
    MUSTER_ASSIGN_OR_RETURN(Statement insert,
                            database.Prepare("INSERT INTO backup_keys VALUES (?1, ?2)"));
    for (const auto& [path, content] : keys) {
      MUSTER_RETURN_IF_ERROR(insert.BindBytes(1, path).BindBytes(2, content).Run());
    }
    return database.Execute(absl::StrCat("PRAGMA application_id = ", kBackupId));
  });
}

absl::Status CheckBackup(Database& database) {
  MUSTER_ASSIGN_OR_RETURN(const int64_t id, database.QueryNumber("PRAGMA application_id"));
  if (id == kStoreApplicationId) {
    return absl::FailedPreconditionError(
        "it is the store of a coordinator, without its keys; a backup is made by "
        "muster-coordinator "
        "backup");
  }
  if (id != kBackupId) return absl::FailedPreconditionError("it is no backup of Muster");
  MUSTER_ASSIGN_OR_RETURN(const int64_t schema, database.QueryNumber("PRAGMA user_version"));
  if (schema > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat("it was made by a newer Muster (schema ",
                                                      schema, ", this program knows up to ",
                                                      kSchemaVersion, "); install that version"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string verdict,
                          database.QueryText("PRAGMA integrity_check(1)"));
  if (verdict != "ok") return absl::DataLossError(absl::StrCat("it is damaged: ", verdict));
  return absl::OkStatus();
}

absl::StatusOr<KeyFiles> KeysOf(Database& database) {
  KeyFiles keys;
  MUSTER_ASSIGN_OR_RETURN(Statement rows,
                          database.Prepare("SELECT path, content FROM backup_keys"));
  for (;;) {
    MUSTER_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return keys;
    keys[rows.Bytes(0)] = rows.Bytes(1);
  }
}

absl::StatusOr<BackupReport> ReportOf(Database& database) {
  BackupReport report;
  MUSTER_ASSIGN_OR_RETURN(report.revision, database.QueryNumber("SELECT revision FROM state"));
  MUSTER_ASSIGN_OR_RETURN(report.objects, database.QueryNumber("SELECT count(*) FROM entries"));
  MUSTER_ASSIGN_OR_RETURN(const int64_t made, database.QueryNumber("SELECT made FROM backup_info"));
  MUSTER_ASSIGN_OR_RETURN(report.version, database.QueryText("SELECT version FROM backup_info"));
  report.made = WallTime(std::chrono::seconds(made));
  MUSTER_ASSIGN_OR_RETURN(const KeyFiles keys, KeysOf(database));
  report.has_sealing_key = keys.contains(kSealingKeyFile);
  return report;
}

absl::Status TurnIntoStore(Database& database) {
  return InTransaction(database, [&] {
    return database.Execute(
        absl::StrCat("DROP TABLE backup_info; DROP TABLE backup_keys;"
                     "UPDATE state SET revision = revision + ",
                     kRevisionsAhead, ", compacted = revision + ", kRevisionsAhead,
                     ";"
                     "PRAGMA application_id = ",
                     kStoreApplicationId));
  });
}

}  // namespace muster::coordinator
