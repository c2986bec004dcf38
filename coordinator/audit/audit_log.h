#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/audit/audit_file.h"
#include "coordinator/audit/audit_sink.h"

namespace muster::coordinator {

// The audit log of a coordinator, written by one thread of its own.
//
// A record is handed to that thread before its request is answered, and written at once. The end of
// the process, however it comes, takes what that thread had not got to: the records of the last
// moment, which are at most `waiting_max`. A power cut takes what was not synced yet, which is done
// after every batch. What a crash tore is found at the next start and said in the log.
//
// When it cannot be written (the disk is full) it is tried again every second, and requests are
// refused meanwhile, or answered and only counted, as the options say. Either way the journal
// tells.
class AuditLog final : public AuditSink {
 public:
  struct Options {
    AuditFile::Options files;
    // Requests are refused while they cannot be remembered.
    bool refuse = true;
    // Requests that only look, and may, are not remembered.
    bool changes_only = false;
    size_t waiting_max = 10'000;
    Duration retry_after = std::chrono::seconds(1);
  };

  // `clock` outlives it. The first line tells of the start.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(Options options, const Clock& clock,
                                                        const std::string& version);
  // Writes what waits, if that can be had now.
  ~AuditLog() override;

  absl::Status Ready() override ABSL_LOCKS_EXCLUDED(mutex_);
  void Write(AuditRecord record) override ABSL_LOCKS_EXCLUDED(mutex_);

  // Until everything that was handed over is on the disk, or `patience` is over: then false.
  bool Drain(Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  AuditLog(Options options, const Clock& clock, std::unique_ptr<AuditFile> file);
  void Put(std::string object) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run();
  // False: not written.
  bool WriteBatch(const std::vector<std::string>& batch, int64_t lost);
  void Trouble(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  const Clock& clock_;
  const std::unique_ptr<AuditFile> file_;  // Its thread's.
  MonoTime told_at_{};                     // When the journal was last told; its thread's.

  Mutex mutex_;
  std::vector<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;  // Not remembered, and not told of yet.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::string trouble_ ABSL_GUARDED_BY(mutex_);  // Why nothing can be written. Empty: it can.
  std::thread thread_;
};

}  // namespace muster::coordinator
