#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace muster::coordinator {

// One thing that a request was about.
struct AuditedObject {
  std::string verb, resource, ns, name;  // "pods/exec" with its subresource.
  // Of the store, of what was written; 0: there was none, or nothing was written.
  int64_t old_revision = 0, new_revision = 0;
};

// One request, as the audit log tells it. A plain value. It has no content of objects: Secrets
// cannot get into the log by it, and what is wrong with a manifest is not repeated.
struct AuditRecord {
  WallTime time;     // The log sets it.
  std::string user;  // Empty: nobody that is known.
  std::vector<std::string> groups;
  std::string role;
  std::string from;   // As gRPC calls the other end: "ipv4:192.0.2.7:5123", "fd:12".
  std::string rpc;    // "Apply"
  std::string stage;  // Of a stream "start" and "end"; else empty.
  std::vector<AuditedObject> objects;
  bool dry_run = false;
  bool allowed = false;
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;               // Why it was not allowed.
  std::string program;               // Of an exec, without its arguments.
  std::vector<std::string> remarks;  // What the audit level of a namespace finds.
  int64_t limited = 0;               // Calls of this user that were over its limit since the last.
};

// As a JSON object in one line. More than 200 objects are only counted. Pure.
std::string AuditObject(const AuditRecord& record);

// RFC 3339 in UTC, with microseconds.
std::string AuditTime(WallTime time);

}  // namespace muster::coordinator
