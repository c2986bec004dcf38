#pragma once

#include <memory>

#include "coordinator/api/admin_api.h"
#include "coordinator/api/admin_call.h"
#include "coordinator/tunnel/tunnel.h"
#include "grpcpp/support/server_callback.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// Which process of a container a call is about: a new one (exec) or the one it runs (attach).
enum class ProcessKind { kNew, kMain };

// The user's ends of `logs`, `exec` and `attach`: they begin `call`, find the container, have the
// node's agent asked to open a tunnel, and pass frames on, one at a time each way. Each belongs to
// itself until gRPC is done with it; one that may not be had only says so. Of an exec the first
// message says into what.

grpc::ServerWriteReactor<admin::v1::LogsChunk>* NewLogsStream(std::shared_ptr<AdminCall> call,
                                                              AdminApi& api, TunnelBroker& tunnels,
                                                              const admin::v1::LogsRequest& request,
                                                              grpc::CallbackServerContext* context);

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* NewExecStream(
    ProcessKind kind, std::shared_ptr<AdminCall> call, AdminApi& api, TunnelBroker& tunnels,
    grpc::CallbackServerContext* context);

}  // namespace muster::coordinator
