#pragma once

#include <string>

#include "common/base/clock.h"
#include "coordinator/tunnel/tunnel.h"
#include "grpcpp/support/server_callback.h"
#include "muster/session/v1/session.pb.h"

namespace muster::coordinator {

// The agent's end of a tunnel as a gRPC call; `until` is the end of the certificate that it came
// with. The broker outlives the server.
grpc::ServerBidiReactor<session::v1::TunnelFromAgent, session::v1::TunnelToAgent>*
NewAgentTunnelReactor(TunnelBroker& tunnels, std::string node, WallTime until,
                      grpc::CallbackServerContext* context);

}  // namespace muster::coordinator
