#include "coordinator/rpc/status.h"

#include <string>

#include "grpcpp/support/status.h"

namespace muster::coordinator {

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()));
}

}  // namespace muster::coordinator
