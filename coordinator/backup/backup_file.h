#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/backup/backup.h"
#include "coordinator/store/sqlite/database.h"

// What a backup has beside the tables of the store, and how the two become one another.
namespace muster::coordinator {

inline constexpr char kStoreFile[] = "muster.db";
inline constexpr char kKeysFolder[] = "pki";
inline constexpr char kSealingKeyFile[] = "sealing.key";  // In there.

// Contents by path below the folder of keys.
using KeyFiles = std::map<std::string, std::string>;

// Makes a backup of `database`, which is a copy of a store.
absl::Status TurnIntoBackup(Database& database, const KeyFiles& keys, const BackupReport& report);

// FailedPrecondition: it is no backup, or a newer Muster's. DataLoss: it is damaged.
absl::Status CheckBackup(Database& database);
absl::StatusOr<KeyFiles> KeysOf(Database& database);
absl::StatusOr<BackupReport> ReportOf(Database& database);

// Makes a store of `database`, which is a copy of a backup.
absl::Status TurnIntoStore(Database& database);

}  // namespace muster::coordinator
