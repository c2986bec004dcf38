#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace muster::coordinator {

// A backup is one file that only its owner can read: the store as it was at one moment, and the
// keys: of the certificate authority, without which no agent would accept a coordinator that has
// the store, and the one that Secrets are sealed with, if it is a file of the coordinator's. It is
// a SQLite database with a mark of its own, so that it is not taken for a store.

// What is in a backup, or was restored.
struct BackupReport {
  int64_t revision = 0;  // Of the store, at the moment of the backup.
  int64_t objects = 0;
  WallTime made;
  std::string version;  // Of the program that made it.
  // The key that Secrets are sealed with is in it. It is not when it comes from systemd.
  bool has_sealing_key = false;
};

// Makes a backup of the coordinator with this state directory in the file `path`, which is replaced
// as a whole or not at all. The coordinator may run and goes on writing meanwhile; there has to be
// room for a second store beside `path`.
//
// NotFound: there is no store. ResourceExhausted: the disk is full.
absl::StatusOr<BackupReport> MakeBackup(const std::string& state_dir, const std::string& path,
                                        WallTime now);

// Makes the state directory what it was, on this machine or another one.
//
// Revisions go on a million further than the backup's: what agents and watchers have seen after it
// was made must not be taken for what is written from now on.
//
// FailedPrecondition: a coordinator runs on it; or there is a store already and `replace` is false
// (otherwise that is kept in a directory beside); or the backup is none, or a newer Muster's.
// DataLoss: the backup is damaged. Nothing was changed then.
absl::StatusOr<BackupReport> RestoreBackup(const std::string& path, const std::string& state_dir,
                                           bool replace, WallTime now);

}  // namespace muster::coordinator
