#pragma once

#include <memory>

#include "coordinator/api/admin_api.h"
#include "coordinator/api/admin_call.h"
#include "grpcpp/support/server_callback.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// Calls that go on telling what changes. Each begins `call`, and says no more than why when that is
// not allowed. It belongs to itself until gRPC is done with it.

grpc::ServerWriteReactor<admin::v1::WatchEvent>* NewWatchStream(
    std::shared_ptr<AdminCall> call, AdminApi& api, const admin::v1::WatchRequest& request,
    grpc::CallbackServerContext* context);

grpc::ServerWriteReactor<admin::v1::RolloutStatusUpdate>* NewRolloutStream(
    std::shared_ptr<AdminCall> call, AdminApi& api, const admin::v1::RolloutStatusRequest& request,
    grpc::CallbackServerContext* context);

}  // namespace muster::coordinator
