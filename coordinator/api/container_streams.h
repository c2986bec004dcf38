#pragma once

#include <functional>

#include "absl/status/status.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/tunnel/tunnel.h"
#include "grpcpp/support/server_callback.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// Which process of a container a call is about: a new one (exec) or the one it runs (attach).
enum class ProcessKind { kNew, kMain };

// The user's ends of `logs`, `exec` and `attach`: they find the container, have the node's agent
// asked to open a tunnel, and pass frames on, one at a time each way. Each belongs to itself until
// gRPC is done with it; with `allowed` or `known` not OK it only says so.

grpc::ServerWriteReactor<admin::v1::LogsChunk>* NewLogsStream(const absl::Status& allowed,
                                                              AdminApi& api, TunnelBroker& tunnels,
                                                              const admin::v1::LogsRequest& request,
                                                              grpc::CallbackServerContext* context);

// Asked with the first message, which says into what.
using MayExec = std::function<absl::Status(const admin::v1::ExecInput& first)>;

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* NewExecStream(
    ProcessKind kind, const absl::Status& known, MayExec may, AdminApi& api, TunnelBroker& tunnels,
    grpc::CallbackServerContext* context);

}  // namespace muster::coordinator
