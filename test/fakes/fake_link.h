#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/link/link.h"

namespace muster::agent {

// A link whose other end is the test. What was sent is kept in order; the test says what comes
// down. Single-threaded; events are delivered on the calling thread.
class FakeLink final : public Link {
 public:
  explicit FakeLink(std::function<void(LinkEvent)> on_event) : on_event_(std::move(on_event)) {}

  // ---- For the test
  bool connected() const { return connected_; }
  int connects() const { return connects_; }
  const LinkHello& hello() const { return hello_; }
  // What was sent since the last Connect, per kind in order.
  const std::vector<v1::NodeStatus>& node_statuses() const { return node_statuses_; }
  const std::vector<PodReport>& pod_reports() const { return pod_reports_; }
  const std::vector<v1::Event>& events() const { return events_; }
  int heartbeats() const { return heartbeats_; }
  // Each list that was sent.
  const std::vector<std::vector<v1::Pod>>& static_pods() const { return static_pods_; }
  // Each id, and what was wrong.
  const std::vector<std::pair<std::string, std::string>>& sealing_keys() const {
    return sealing_keys_;
  }
  // The newest report about that pod; nullptr when none was sent.
  const PodReport* LastReport(const std::string& uid) const;
  void ClearSent();

  // Only when connected; dropped otherwise, as a broken stream does.
  void Deliver(LinkEvent event);
  // The coordinator goes away, or could not be reached in the first place.
  void Break(absl::Status why);
  // The next Connect calls fail with this, delivered by their own LinkDown.
  void RefuseConnects(absl::Status why) { refuse_ = std::move(why); }
  void AcceptConnects() { refuse_ = absl::OkStatus(); }

  // ---- Link
  void Connect(const LinkHello& hello) override;
  void Disconnect() override;
  void SendNodeStatus(const v1::NodeStatus& status) override;
  void SendPodReports(const std::vector<PodReport>& reports) override;
  void SendEvent(const v1::Event& event) override;
  void SendHeartbeat() override;
  void SendStaticPods(const std::vector<v1::Pod>& pods) override;
  void SendSealingKey(const std::string& id, const std::string& problem) override;

 private:
  const std::function<void(LinkEvent)> on_event_;
  absl::Status refuse_;
  bool connected_ = false;
  int connects_ = 0;
  LinkHello hello_;
  std::vector<v1::NodeStatus> node_statuses_;
  std::vector<PodReport> pod_reports_;
  std::vector<v1::Event> events_;
  int heartbeats_ = 0;
  std::vector<std::vector<v1::Pod>> static_pods_;
  std::vector<std::pair<std::string, std::string>> sealing_keys_;
};

}  // namespace muster::agent
