#pragma once

#include <functional>
#include <memory>

#include "agent/link/link.h"
#include "agent/link/session_channel.h"

namespace muster::agent {

// The session as a gRPC stream on the shared channel.
//
// Calls are safe on any one thread at a time. `on_event` runs on gRPC's threads, or inside Connect
// when there is nothing to connect with; it must not call the link. A stream that the coordinator
// ends without an error is down as Unavailable. The destructor ends the stream and waits for it;
// no event comes during or after it.
class GrpcLink final : public Link {
 public:
  // `channel` outlives the link.
  GrpcLink(SessionChannel& channel, std::function<void(LinkEvent)> on_event);
  ~GrpcLink() override;

  void Connect(const LinkHello& hello) override;
  void Disconnect() override;
  void SendNodeStatus(const v1::NodeStatus& status) override;
  void SendPodReports(const std::vector<PodReport>& reports) override;
  void SendEvent(const v1::Event& event) override;
  void SendHeartbeat() override;
  void SendStaticPods(const std::vector<v1::Pod>& pods) override;
  void SendSealingKey(const std::string& id, const std::string& problem) override;

 private:
  class Stream;
  struct Owner;

  template <typename Fill>
  void Send(Fill fill);

  SessionChannel& channel_;
  const std::shared_ptr<Owner> owner_;
};

}  // namespace muster::agent
