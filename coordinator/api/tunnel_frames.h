#pragma once

#include <optional>

#include "absl/status/status.h"
#include "muster/admin/v1/admin.pb.h"
#include "muster/session/v1/session.pb.h"

namespace muster::coordinator {

// Between what users and agents send through a tunnel. Both may send anything. Pure.

// To a user "unavailable" means that the coordinator cannot be reached, which is not the case.
absl::Status ForUser(const absl::Status& status);
// What an agent said went wrong, for the user. Never OK.
absl::Status StatusOf(const session::v1::TunnelError& error);

// What a frame of an agent is for the user. Nothing: skip it. `ret_last` set: the call ends with
// it, after the output if there is one.
std::optional<admin::v1::LogsChunk> LogsChunkFrom(session::v1::TunnelFromAgent frame,
                                                  std::optional<absl::Status>& ret_last);
std::optional<admin::v1::ExecOutput> ExecOutputFrom(session::v1::TunnelFromAgent frame,
                                                    std::optional<absl::Status>& ret_last);
std::optional<admin::v1::PortForwardOutput> PortForwardOutputFrom(
    session::v1::TunnelFromAgent frame, std::optional<absl::Status>& ret_last);

// What a user's message, after the first one, is for the agent. Nothing: it may not come there.
std::optional<session::v1::TunnelToAgent> FrameFrom(admin::v1::ExecInput input);
std::optional<session::v1::TunnelToAgent> FrameFrom(admin::v1::PortForwardInput input);

}  // namespace muster::coordinator
