#include "coordinator/api/tunnel_stream.h"

namespace muster::coordinator {

absl::Status ForUser(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  return absl::InternalError(status.message());
}

absl::Status StatusOf(const session::v1::TunnelError& error) {
  const auto code = static_cast<absl::StatusCode>(error.code());
  return ForUser(absl::Status(code == absl::StatusCode::kOk ? absl::StatusCode::kUnknown : code,
                              error.message()));
}

}  // namespace muster::coordinator
