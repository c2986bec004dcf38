#pragma once

#include <memory>

#include "coordinator/api/admin_api.h"
#include "coordinator/api/admin_call.h"
#include "coordinator/tunnel/tunnel.h"
#include "grpcpp/support/server_callback.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// The user's end of one forwarded connection, as those of container_streams.h: frames one at a time
// each way, so that a reader who is slow holds back the far end and nothing piles up here. The
// first message says into what.
grpc::ServerBidiReactor<admin::v1::PortForwardInput, admin::v1::PortForwardOutput>*
NewForwardStream(std::shared_ptr<AdminCall> call, AdminApi& api, TunnelBroker& tunnels,
                 grpc::CallbackServerContext* context);

}  // namespace muster::coordinator
