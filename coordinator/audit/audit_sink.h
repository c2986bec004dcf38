#pragma once

#include "absl/status/status.h"
#include "coordinator/audit/audit_record.h"

namespace muster::coordinator {

// Where what was asked of the coordinator is remembered. Thread-safe; nothing here waits for a
// disk.
class AuditSink {
 public:
  virtual ~AuditSink() = default;
  // May a request be answered now? Not when it could not be remembered, and that is not wanted.
  virtual absl::Status Ready() = 0;
  virtual void Write(AuditRecord record) = 0;
};

}  // namespace muster::coordinator
