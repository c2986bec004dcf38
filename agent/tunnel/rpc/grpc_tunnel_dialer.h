#pragma once

#include <memory>
#include <string>

#include "agent/link/session_channel.h"
#include "agent/tunnel/tunnel_peer.h"

namespace muster::agent {

// Opens tunnels as gRPC calls on the session's connection. Thread-safe.
class GrpcTunnelDialer final : public TunnelDialer {
 public:
  // `channel` outlives the dialer and all that it dialled.
  explicit GrpcTunnelDialer(SessionChannel& channel) : channel_(channel) {}

  std::unique_ptr<TunnelPeer> Dial(const std::string& tunnel_id) override;
  void Refuse(const std::string& tunnel_id, const absl::Status& why) override;

 private:
  SessionChannel& channel_;
};

}  // namespace muster::agent
