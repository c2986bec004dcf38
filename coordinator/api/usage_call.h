#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "coordinator/api/admin_api.h"
#include "coordinator/api/admin_call.h"
#include "coordinator/api/usage.h"
#include "coordinator/tunnel/tunnel.h"
#include "grpcpp/support/server_callback.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

struct UsageLimits {
  size_t nodes_at_once = 256;
  // For so many nodes, from the asking to the last answer; who has not said by then is left out.
  std::chrono::milliseconds answer_wait{4'000};
};

// Asks nodes through tunnels, not too many at once, and calls `done` once with what they said, on
// any thread. The broker outlives it.
void AskForUsage(TunnelBroker& tunnels, UsageQuestions questions, const UsageLimits& limits,
                 std::function<void(UsageAnswers)> done);

// The user's call of Top. Begins `call`.
grpc::ServerUnaryReactor* NewTopCall(std::shared_ptr<AdminCall> call, AdminApi& api,
                                     TunnelBroker& tunnels, const admin::v1::TopRequest& request,
                                     admin::v1::TopResponse* response,
                                     grpc::CallbackServerContext* context);

}  // namespace muster::coordinator
