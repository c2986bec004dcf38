#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "coordinator/store/sqlite/database.h"

namespace muster::coordinator {

// The version that this program writes. A change of the schema raises it and brings the step from
// the version before (docs: checklist "change a stored schema").
//
// 1: values as they are. 2: those of Secrets are sealed; the tables are the same, but a program
// that knows only 1 takes them for damaged, so it has to be told.
inline constexpr int kSchemaVersion = 2;
// "Mstr": tells our files from other SQLite databases.
inline constexpr int64_t kStoreApplicationId = 0x4d737472;

// Makes `database` (the file `path`) ready for use: creates the tables in an empty file, and
// checks those of an older start.
//
// FailedPrecondition: written by a newer Muster, or no store of Muster at all; nothing is touched.
// DataLoss: damaged.
absl::Status PrepareSchema(Database& database, const std::string& path);

}  // namespace muster::coordinator
