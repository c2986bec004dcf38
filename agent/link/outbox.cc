#include "agent/link/outbox.h"

#include <utility>

namespace muster::agent {

void Outbox::AddNodeStatus(v1::NodeStatus status) {
  if (node_status_) {
    **node_status_ = std::move(status);
    return;
  }
  node_status_ = items_.insert(items_.end(), std::move(status));
}

void Outbox::AddPodReport(PodReport report) {
  if (const auto it = reports_.find(report.uid); it != reports_.end()) {
    *it->second = std::move(report);
    return;
  }
  const std::string uid = report.uid;
  reports_[uid] = items_.insert(items_.end(), std::move(report));
}

void Outbox::AddEvent(v1::Event event) {
  events_.push_back(items_.insert(items_.end(), std::move(event)));
  if (events_.size() <= limits_.events) return;
  items_.erase(events_.front());
  events_.pop_front();
}

void Outbox::AddHeartbeat() {
  if (!heartbeat_) heartbeat_ = items_.insert(items_.end(), Heartbeat());
}

void Outbox::SetStaticPods(std::vector<v1::Pod> pods) {
  if (static_pods_) {
    **static_pods_ = std::move(pods);
    return;
  }
  static_pods_ = items_.insert(items_.end(), std::move(pods));
}

void Outbox::SetSealingKey(std::string id, std::string problem) {
  session::v1::SealingKey key;
  key.set_id(std::move(id));
  key.set_problem(std::move(problem));
  if (sealing_key_) {
    **sealing_key_ = std::move(key);
    return;
  }
  sealing_key_ = items_.insert(items_.end(), std::move(key));
}

void Outbox::Clear() {
  items_.clear();
  node_status_.reset();
  heartbeat_.reset();
  static_pods_.reset();
  sealing_key_.reset();
  reports_.clear();
  events_.clear();
}

std::optional<session::v1::FromAgent> Outbox::Next() {
  if (items_.empty()) return std::nullopt;
  session::v1::FromAgent message;
  Item& first = items_.front();
  if (auto* status = std::get_if<v1::NodeStatus>(&first)) {
    *message.mutable_node_status() = std::move(*status);
    node_status_.reset();
    items_.pop_front();
  } else if (auto* event = std::get_if<v1::Event>(&first)) {
    *message.mutable_event() = std::move(*event);
    events_.pop_front();
    items_.pop_front();
  } else if (auto* pods = std::get_if<std::vector<v1::Pod>>(&first)) {
    // Said also when there are none: then what is shown of them has to go.
    session::v1::StaticPods& said = *message.mutable_static_pods();
    for (v1::Pod& pod : *pods) *said.add_pods() = std::move(pod);
    static_pods_.reset();
    items_.pop_front();
  } else if (auto* key = std::get_if<session::v1::SealingKey>(&first)) {
    *message.mutable_sealing_key() = std::move(*key);
    sealing_key_.reset();
    items_.pop_front();
  } else if (std::holds_alternative<Heartbeat>(first)) {
    message.mutable_heartbeat();
    heartbeat_.reset();
    items_.pop_front();
  } else {
    size_t count = 0;
    while (!items_.empty() && count < limits_.reports_per_message) {
      auto* report = std::get_if<PodReport>(&items_.front());
      if (report == nullptr) break;
      session::v1::PodReport* sent = message.mutable_pod_reports()->add_reports();
      sent->set_namespace_(report->namespace_);
      sent->set_name(report->name);
      sent->set_uid(report->uid);
      *sent->mutable_status() = std::move(report->status);
      sent->set_gone(report->gone);
      reports_.erase(report->uid);
      items_.pop_front();
      ++count;
    }
  }
  return message;
}

}  // namespace muster::agent
