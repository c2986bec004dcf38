// The part of NodeLoop that says how the node and its pods are: to who asks on this host, and to
// its network.

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/hygiene/node_shutdown.h"
#include "agent/loop/node_loop.h"
#include "agent/loop/node_status.h"

namespace muster::agent {

std::string NodeLoop::StatusLine() const {
  const PodSet::Counts counts = pods_.Count();
  std::string line =
      absl::StrCat(counts.pods, counts.pods == 1 ? " pod, " : " pods, ", counts.ready, " ready");
  absl::StrAppend(&line, keeper_.up() ? "; coordinator connected" : "; no coordinator");
  if (shutdown_keeper_.under_way()) absl::StrAppend(&line, "; ", kShuttingDown);
  if (!view_.status().ok()) absl::StrAppend(&line, "; runtime: ", view_.status().message());
  if (!save_problem_.empty()) absl::StrAppend(&line, "; ", save_problem_);
  return line;
}

std::string NodeLoop::LinkState() const {
  if (keeper_.up()) return "connected";
  return keeper_.connecting() ? "connecting" : "disconnected";
}

NodeReport::Runtime NodeLoop::RuntimeReport() const {
  NodeReport::Runtime runtime;
  runtime.answers = view_.status().ok();
  runtime.events = event_feed_.up();
  if (!view_.status().ok()) runtime.message = std::string(view_.status().message());
  if (!runtime_info_) return runtime;
  runtime.name = runtime_info_->name;
  runtime.version = runtime_info_->version;
  runtime.ready = runtime.answers && runtime_info_->runtime_ready;
  runtime.network_ready = runtime.answers && runtime_info_->network_ready;
  if (!runtime.message.empty()) return runtime;
  runtime.message = !runtime_info_->runtime_ready   ? runtime_info_->runtime_message
                    : !runtime_info_->network_ready ? runtime_info_->network_message
                                                    : "";
  return runtime;
}

NodeReport NodeLoop::Report() const {
  NodeReport report;
  report.node_name = options_.node_name;
  report.node_uid = identity_.node_uid;
  report.agent_version = options_.agent_version;
  report.made_at = seams_.clock.Wall();
  report.agent_started_at = began_at_;
  report.link = {LinkState(), options_.coordinator, link_since_, keeper_.up() ? "" : last_down_};
  report.runtime = RuntimeReport();
  report.checkpoint.revision = revision_;
  report.checkpoint.objects = static_cast<int64_t>(assignment_.Known().size());
  report.checkpoint.complete = assignment_.complete();
  report.checkpoint.saved_at = saved_at_;
  report.checkpoint.problem = save_problem_;
  report.pressure = eviction_keeper_.Conditions();
  for (const std::string& problem : problems_) {
    if (!problem.empty()) report.problems.push_back(problem);
  }
  report.pods = pods_.Report();
  report.warnings = {warnings_.begin(), warnings_.end()};
  return report;
}

NodeTallies NodeLoop::Tallies() const {
  NodeTallies tallies;
  tallies.pod_starts = pods_.start_times();
  tallies.probes = pods_.ProbeTallies();
  tallies.sessions = sessions_;
  return tallies;
}

// Also while the coordinator is there: it cannot know sooner.
void NodeLoop::TellOwnPods() {
  if (seams_.network == nullptr || plans_told_ == pods_.plans_made()) return;
  const std::optional<OwnPods> places = pods_.AsPlaces();
  if (!places) return;
  plans_told_ = pods_.plans_made();
  seams_.network->SetOwnPods(*places);
}

}  // namespace muster::agent
