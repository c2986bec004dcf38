#pragma once

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace muster::coordinator {

// The two kinds of status have the same codes. Payloads of `status` (a type URL and a message each)
// become muster.admin.v1.ErrorDetails in the error details.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace muster::coordinator
