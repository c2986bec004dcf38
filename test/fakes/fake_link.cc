#include "test/fakes/fake_link.h"

#include <algorithm>
#include <utility>

#include "common/base/macros.h"

namespace muster::agent {

const PodReport* FakeLink::LastReport(const std::string& uid) const {
  const auto it = std::find_if(pod_reports_.rbegin(), pod_reports_.rend(),
                               [&](const PodReport& report) { return report.uid == uid; });
  return it == pod_reports_.rend() ? nullptr : &*it;
}

void FakeLink::ClearSent() {
  node_statuses_.clear();
  pod_reports_.clear();
  events_.clear();
  heartbeats_ = 0;
  static_pods_.clear();
}

void FakeLink::Deliver(LinkEvent event) {
  if (connected_) on_event_(std::move(event));
}

void FakeLink::Break(absl::Status why) {
  if (!connected_) return;
  connected_ = false;
  on_event_(LinkDown{std::move(why)});
}

void FakeLink::Connect(const LinkHello& hello) {
  MUSTER_CHECK(!connected_);
  ++connects_;
  hello_ = hello;
  ClearSent();
  if (!refuse_.ok()) {
    on_event_(LinkDown{refuse_});
    return;
  }
  connected_ = true;
}

void FakeLink::Disconnect() { Break(absl::CancelledError("the agent closed the session")); }

void FakeLink::SendNodeStatus(const v1::NodeStatus& status) {
  if (connected_) node_statuses_.push_back(status);
}

void FakeLink::SendPodReports(const std::vector<PodReport>& reports) {
  if (connected_) pod_reports_.insert(pod_reports_.end(), reports.begin(), reports.end());
}

void FakeLink::SendEvent(const v1::Event& event) {
  if (connected_) events_.push_back(event);
}

void FakeLink::SendHeartbeat() {
  if (connected_) ++heartbeats_;
}

void FakeLink::SendStaticPods(const std::vector<v1::Pod>& pods) {
  if (connected_) static_pods_.push_back(pods);
}

void FakeLink::SendSealingKey(const std::string& id, const std::string& problem) {
  if (connected_) sealing_keys_.emplace_back(id, problem);
}

}  // namespace muster::agent
