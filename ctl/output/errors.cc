#include "ctl/output/errors.h"

#include "absl/strings/str_cat.h"

namespace muster::ctl {
namespace {

// Kubernetes' name for it.
const char* Reason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound: return "NotFound";
    case absl::StatusCode::kAlreadyExists: return "AlreadyExists";
    case absl::StatusCode::kAborted: return "Conflict";
    case absl::StatusCode::kInvalidArgument: return "BadRequest";
    case absl::StatusCode::kFailedPrecondition: return "Invalid";
    case absl::StatusCode::kPermissionDenied: return "Forbidden";
    case absl::StatusCode::kUnauthenticated: return "Unauthorized";
    case absl::StatusCode::kDeadlineExceeded: return "Timeout";
    case absl::StatusCode::kOutOfRange: return "Expired";
    case absl::StatusCode::kResourceExhausted: return "InsufficientStorage";
    case absl::StatusCode::kUnimplemented: return "MethodNotAllowed";
    default: return "InternalError";
  }
}

}  // namespace

std::string ErrorText(const absl::Status& status, const std::string& server) {
  if (status.code() == absl::StatusCode::kUnavailable) {
    return absl::StrCat("error: cannot reach the coordinator at ", server, ": ", status.message(),
                        "\nIs muster-coordinator running there, and is the address right (--server, "
                        "MUSTER_SERVER)?");
  }
  return absl::StrCat("Error from server (", Reason(status.code()), "): ", status.message());
}

}  // namespace muster::ctl
