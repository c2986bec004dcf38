#include "ctl/output/errors.h"

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace muster::ctl {
namespace {

// Kubernetes' name for it.
const char* Reason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return "NotFound";
    case absl::StatusCode::kAlreadyExists:
      return "AlreadyExists";
    case absl::StatusCode::kAborted:
      return "Conflict";
    case absl::StatusCode::kInvalidArgument:
      return "BadRequest";
    case absl::StatusCode::kFailedPrecondition:
      return "Invalid";
    case absl::StatusCode::kPermissionDenied:
      return "Forbidden";
    case absl::StatusCode::kUnauthenticated:
      return "Unauthorized";
    case absl::StatusCode::kDeadlineExceeded:
      return "Timeout";
    case absl::StatusCode::kOutOfRange:
      return "Expired";
    case absl::StatusCode::kResourceExhausted:
      return "InsufficientStorage";
    case absl::StatusCode::kUnimplemented:
      return "MethodNotAllowed";
    default:
      return "InternalError";
  }
}

// How gRPC words a connection that failed, and what that means to a person.
struct Trouble {
  const char* sign;
  const char* meaning;
};
constexpr std::array kTroubles = {
    Trouble{
        "certificate verify failed",
        "who answers there is not the coordinator that certificateAuthority vouches for; is the "
        "address right, and the file that of this fleet?"},
    Trouble{
        "CERTIFICATE_VERIFY_FAILED",
        "who answers there is not the coordinator that certificateAuthority vouches for; is the "
        "address right, and the file that of this fleet?"},
    Trouble{"alert", "it does not accept the client certificate; get a new one from the fleet"},
    Trouble{"No such file or directory",
            "there is no such socket; is muster-coordinator running on this host? For another one "
            "give --server HOST:PORT or set MUSTER_SERVER"},
    Trouble{"Permission denied",
            "this user may not use the socket; root may, and members of the group muster may look"},
    Trouble{"Connection refused",
            "nobody listens there; is muster-coordinator running, and is the address right "
            "(--server, MUSTER_SERVER)?"},
    Trouble{"Socket closed",
            "the connection was lost; whether the last step was done is not known, so look before "
            "you repeat it"},
    Trouble{"Connection reset",
            "the connection was lost; whether the last step was done is not known, so look before "
            "you repeat it"},
};

}  // namespace

std::string ErrorText(const absl::Status& status, const std::string& server) {
  if (status.code() == absl::StatusCode::kUnavailable) {
    for (const Trouble& trouble : kTroubles) {
      if (!absl::StrContains(status.message(), trouble.sign)) continue;
      return absl::StrCat("error: cannot reach the coordinator at ", server, ": ", trouble.meaning);
    }
    return absl::StrCat(
        "error: cannot reach the coordinator at ", server, ": ", status.message(),
        "\nIs muster-coordinator running there, and is the address right (--server, "
        "MUSTER_SERVER)?");
  }
  // What a server says of a call it has never heard of.
  if (status.code() == absl::StatusCode::kUnimplemented && status.message().empty()) {
    return absl::StrCat(
        "error: the coordinator at ", server,
        " does not know what was asked: it is older than this musterctl, or does not serve people "
        "over the network (\"remoteAdmin: true\" in its /etc/muster/coordinator.yaml)");
  }
  return absl::StrCat("Error from server (", Reason(status.code()), "): ", status.message());
}

}  // namespace muster::ctl
