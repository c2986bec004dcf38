#pragma once

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace muster::coordinator {

// The two kinds of status have the same codes. Any absl payload is left behind.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace muster::coordinator
