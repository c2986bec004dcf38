#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/audit/chain.h"

namespace muster::coordinator {

// The files of an audit log: audit.log, which is written, and audit-SEQ.log for those before it,
// named after their first line. One thread.
class AuditFile {
 public:
  struct Options {
    std::string directory;
    int64_t bytes_max = 64 << 20;  // Of one file; a line may go beyond it.
    int files_max = 10;            // With the one that is written.
    // Instead of write(2), for tests.
    std::function<ssize_t(int fd, const void* bytes, size_t size)> write;
  };
  struct Opened {
    std::unique_ptr<AuditFile> file;
    // What a crash left at the end of audit.log; the chain goes on after it.
    std::string torn;
    std::string broken;  // The first line that is not what it was. Empty: none.
  };

  // Makes the directory (mode 0700) and the file (0600), and finds where the chain goes on.
  static absl::StatusOr<Opened> Open(Options options);
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  // Writes the objects as sealed lines, all or none of them: after an error the file and the chain
  // are as they were. A full file is put aside first.
  absl::Status Append(const std::vector<std::string>& objects);
  // Until then a power cut may take what was appended; the end of the process does not.
  absl::Status Sync();

  const audit::Seal& last() const { return last_; }

 private:
  explicit AuditFile(Options options) : options_(std::move(options)) {}
  absl::Status OpenCurrent();
  absl::Status Rotate();
  void RemoveOldest();
  absl::Status WriteAll(std::string_view bytes);

  const Options options_;
  int fd_ = -1;
  int64_t size_ = 0;
  uint64_t first_seq_ = 0;  // Of the current file; 0: it is empty.
  audit::Seal last_;
};

}  // namespace muster::coordinator
