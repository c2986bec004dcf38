#pragma once

#include "absl/status/status.h"
#include "coordinator/api/admin_api.h"
#include "grpcpp/support/server_callback.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// Calls that go on telling what changes. Each belongs to itself until gRPC is done with it; with
// `allowed` not OK it only says so.

grpc::ServerWriteReactor<admin::v1::WatchEvent>* NewWatchStream(
    const absl::Status& allowed, AdminApi& api, const admin::v1::WatchRequest& request);

grpc::ServerWriteReactor<admin::v1::RolloutStatusUpdate>* NewRolloutStream(
    const absl::Status& allowed, AdminApi& api, const admin::v1::RolloutStatusRequest& request);

}  // namespace muster::coordinator
