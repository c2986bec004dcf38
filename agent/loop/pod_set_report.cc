// The part of PodSet that says how the pods are to who asks on this host.

#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/loop/pod_record.h"
#include "agent/loop/pod_set.h"
#include "agent/workload/pod_status.h"
#include "common/model/static_pod.h"
#include "common/model/time_text.h"

namespace muster::agent {
namespace {

WallTime WallOf(const v1::Time& time) {
  return std::chrono::time_point_cast<WallTime::duration>(
      absl::ToChronoTime(model::ToAbslTime(time)));
}

// "containerd://ID" is how Kubernetes writes it.
std::string BareId(const std::string& id) {
  const size_t scheme = id.find("://");
  return scheme == std::string::npos ? id : id.substr(scheme + 3);
}

NodeReport::Container ReportOf(const v1::ContainerStatus& status, bool init) {
  NodeReport::Container container;
  container.name = status.name();
  container.init = init;
  container.id = BareId(status.container_id());
  container.image = status.image();
  container.ready = status.ready();
  container.restarts = status.restart_count();
  const v1::ContainerState& state = status.state();
  if (state.has_waiting()) {
    container.state = "waiting";
    container.reason = state.waiting().reason();
    container.message = state.waiting().message();
  } else if (state.has_running()) {
    container.state = "running";
    if (state.running().has_started_at()) container.since = WallOf(state.running().started_at());
  } else if (state.has_terminated()) {
    container.state = "terminated";
    container.reason = state.terminated().reason();
    container.message = state.terminated().message();
    container.exit_code = state.terminated().exit_code();
    if (state.terminated().has_finished_at()) {
      container.since = WallOf(state.terminated().finished_at());
    }
  }
  if (status.last_state().has_terminated()) {
    const v1::ContainerStateTerminated& end = status.last_state().terminated();
    container.last_end = {end.reason(), end.message(), end.exit_code(),
                          end.has_finished_at() ? WallOf(end.finished_at()) : WallTime()};
  }
  return container;
}

}  // namespace

std::vector<NodeReport::Pod> PodSet::Report() const {
  std::vector<NodeReport::Pod> pods;
  for (const auto& [uid, record] : records_) {
    // Files of one that is unknown otherwise.
    if (record->name.empty()) continue;
    NodeReport::Pod pod;
    pod.namespace_ = record->namespace_;
    pod.name = record->name;
    pod.uid = uid;
    pod.terminating = record->IsTerminating() && !record->refused;
    pod.is_static = record->pod != nullptr && model::IsStatic(*record->pod);
    if (record->start_time) pod.started_at = *record->start_time;
    if (record->status) {
      const v1::PodStatus& status = *record->status;
      pod.phase = status.phase();
      pod.reason = status.reason();
      pod.message = status.message();
      pod.ip = status.pod_ip();
      pod.ready = IsReady(status);
      for (const auto& each : status.init_container_statuses()) {
        pod.containers.push_back(ReportOf(each, true));
      }
      for (const auto& each : status.container_statuses()) {
        pod.containers.push_back(ReportOf(each, false));
      }
    }
    pods.push_back(std::move(pod));
  }
  std::ranges::sort(pods, [](const NodeReport::Pod& a, const NodeReport::Pod& b) {
    return std::tie(a.namespace_, a.name, a.uid) < std::tie(b.namespace_, b.name, b.uid);
  });
  return pods;
}

void PodSet::MeasureStart(Record& record, MonoTime now) {
  if (!record.starting_since) return;
  if (record.IsTerminating() || record.status_final) return record.starting_since.reset();
  if (!record.status) return;
  const auto& containers = record.status->container_statuses();
  const bool all_run = std::ranges::all_of(
      containers, [](const v1::ContainerStatus& status) { return status.state().has_running(); });
  if (containers.empty() || !all_run) return;
  start_times_.Observe(std::chrono::duration<double>(now - *record.starting_since).count());
  record.starting_since.reset();
}

}  // namespace muster::agent
