#pragma once

#include <memory>
#include <string>

#include "agent/link/session_channel.h"
#include "agent/tunnel/tunnel_peer.h"

namespace muster::agent {

// Opens tunnels as gRPC calls on the session's connection. Thread-safe. The destructor cancels
// refusals that are still on their way and waits for them.
class GrpcTunnelDialer final : public TunnelDialer {
 public:
  // `channel` outlives the dialer and all that it dialled.
  explicit GrpcTunnelDialer(SessionChannel& channel);
  ~GrpcTunnelDialer() override;

  std::unique_ptr<TunnelPeer> Dial(const std::string& tunnel_id) override;
  void Refuse(const std::string& tunnel_id, const absl::Status& why) override;

 private:
  class Refusal;
  struct Refusals;

  SessionChannel& channel_;
  const std::unique_ptr<Refusals> refusals_;
};

}  // namespace muster::agent
