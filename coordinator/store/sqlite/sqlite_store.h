#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"
#include "coordinator/store/sqlite/database.h"
#include "coordinator/store/store.h"
#include "coordinator/store/watch_hub.h"

namespace muster::coordinator {

// The Store in one SQLite file (with its -wal, -shm and .lock beside it), for one process at a
// time. Thread-safe: reads do not wait for the disk of a write.
class SqliteStore final : public Store {
 public:
  struct Options {
    std::string path;  // Made, with mode 0600, when not there; its directory has to be.
    // Older changes are forgotten by themselves: a watch cannot resume from before them.
    int64_t history_revisions = 10'000;
  };

  // FailedPrecondition: another process has it open, it was written by a newer Muster, or it is
  // something else. DataLoss: it is damaged. The message says what to do.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const Options& options);

  ~SqliteStore() override;

  absl::StatusOr<std::optional<KeyValue>> Get(const std::string& key) override;
  absl::StatusOr<Listing> List(const std::string& prefix) override;
  absl::StatusOr<int64_t> Scan(const std::string& prefix,
                               const std::function<void(const KeyValue&)>& each) override;
  absl::StatusOr<int64_t> Transact(const Transaction& transaction) override;
  absl::StatusOr<std::unique_ptr<Watch>> WatchFrom(const std::string& prefix,
                                                   int64_t after_revision,
                                                   OnChanges on_changes) override;
  absl::Status Compact(int64_t revision) override;
  // What was overwritten or removed is in no file of the store any more. Copies the store once, so
  // it takes its time and there has to be room.
  absl::Status Scrub();
  absl::StatusOr<int64_t> CurrentRevision() override;

 private:
  // Holds the lock file as long as it lives.
  class Lock {
   public:
    explicit Lock(int fd) : fd_(fd) {}
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock();

   private:
    const int fd_;
  };

  struct Writer {
    Database database;
    Statement begin, commit, get, put, remove, log, set_state, forget, backlog;
    int64_t revision = 0;
    int64_t compacted = 0;
  };
  struct Reader {
    Database database;
    Statement begin, commit, get, list, list_to_end, revision;
  };

  static absl::StatusOr<std::unique_ptr<Lock>> TakeLock(const std::string& path);
  static absl::StatusOr<Writer> OpenWriter(const std::string& path);
  static absl::StatusOr<Reader> OpenReader(const std::string& path);

  SqliteStore(const Options& options, std::unique_ptr<Lock> lock, Writer writer, Reader reader);

  absl::Status CheckConditions(const Transaction& transaction)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status WriteAll(const Transaction& transaction, int64_t revision,
                        std::vector<Change>& ret_changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status WriteState(int64_t revision, int64_t compacted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::StatusOr<std::vector<Change>> ReadBacklog(const std::string& prefix, int64_t after_revision)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  // All in one snapshot.
  static absl::StatusOr<int64_t> ScanWith(Reader& reader, const std::string& prefix,
                                          const std::function<void(const KeyValue&)>& each);

  const Options options_;
  const std::unique_ptr<Lock> lock_;
  WatchHub hub_{WatchHub::Delivery::kOwnThread};
  // Orders commits, and what the hub is told of them.
  Mutex writer_mutex_;
  Writer writer_ ABSL_GUARDED_BY(writer_mutex_);
  Mutex reader_mutex_;
  Reader reader_ ABSL_GUARDED_BY(reader_mutex_);
};

}  // namespace muster::coordinator
