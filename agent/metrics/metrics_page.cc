#include "agent/metrics/metrics_page.h"

#include <limits>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "common/metrics/exposition.h"

namespace muster::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Page {
 public:
  // What follows belongs to this family.
  void Begin(const char* name, MetricType type, const char* help) {
    families_.push_back({name, help, type, {}});
  }
  void Add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (families_.back().type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    families_.back().metric.push_back(std::move(metric));
  }
  void Add(const Histogram& histogram, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram.sample_count = histogram.count();
    metric.histogram.sample_sum = histogram.sum();
    uint64_t so_far = 0;
    for (size_t i = 0; i <= histogram.bounds().size(); ++i) {
      so_far += histogram.CountAt(i);
      const bool last = i == histogram.bounds().size();
      metric.histogram.bucket.push_back(
          {so_far, last ? std::numeric_limits<double>::infinity() : histogram.bounds()[i]});
    }
    families_.back().metric.push_back(std::move(metric));
  }
  void One(const char* name, const char* help, double value) {
    Begin(name, MetricType::Gauge, help);
    Add(value);
  }

  // A family without a value says nothing.
  std::string Text() && {
    std::erase_if(families_, [](const MetricFamily& family) { return family.metric.empty(); });
    return ExpositionText(families_);
  }

 private:
  std::vector<MetricFamily> families_;
};

Labels LabelsOf(const NodeReport::Pod& pod, const NodeReport::Container& container) {
  return {{"namespace", pod.namespace_}, {"pod", pod.name}, {"container", container.name}};
}

double SecondsOf(WallTime time) {
  return absl::ToDoubleSeconds(absl::FromChrono(time) - absl::UnixEpoch());
}

void AddNode(const NodeReport& report, const NodeTallies& tallies, Page& page) {
  page.Begin("muster_agent_build_info", MetricType::Gauge,
             "Always 1; the version is in the label.");
  page.Add(1, {{"version", report.agent_version}});
  page.One("muster_agent_start_time_seconds", "When the agent began, since the epoch.",
           SecondsOf(report.agent_started_at));
  page.One("muster_agent_coordinator_connected", "1 while a session with the coordinator is open.",
           report.link.state == "connected" ? 1 : 0);
  page.Begin("muster_agent_coordinator_sessions_total", MetricType::Counter,
             "Sessions with the coordinator that were begun.");
  page.Add(static_cast<double>(tallies.sessions));
  page.One("muster_agent_runtime_up", "1 while the container runtime answers.",
           report.runtime.answers ? 1 : 0);
  page.One("muster_agent_runtime_events",
           "1 while the container runtime tells of what happens; otherwise it is looked at.",
           report.runtime.events ? 1 : 0);
  page.One("muster_agent_checkpoint_objects", "Objects that the node holds on its disk.",
           static_cast<double>(report.checkpoint.objects));
  if (report.checkpoint.saved_at != WallTime()) {
    page.One("muster_agent_checkpoint_saved_time_seconds",
             "When these were saved last, since the epoch.", SecondsOf(report.checkpoint.saved_at));
  }
  page.Begin("muster_agent_pressure", MetricType::Gauge, "1 for what the node is short of.");
  for (const std::string& condition : report.pressure) page.Add(1, {{"condition", condition}});
}

void AddPods(const NodeReport& report, const NodeTallies& tallies, Page& page) {
  int ready = 0;
  std::map<std::string, int> phases;
  for (const NodeReport::Pod& pod : report.pods) {
    ready += pod.ready ? 1 : 0;
    ++phases[pod.phase.empty() ? "Pending" : pod.phase];
  }
  page.Begin("muster_agent_pods", MetricType::Gauge, "Pods on this node by phase.");
  for (const auto& [phase, count] : phases) page.Add(count, {{"phase", phase}});
  page.One("muster_agent_pods_ready", "Pods on this node that are ready.", ready);
  page.Begin("muster_agent_pod_start_duration_seconds", MetricType::Histogram,
             "From being told of a pod until all its containers ran for the first time.");
  page.Add(tallies.pod_starts);
  page.Begin("muster_agent_container_restarts_total", MetricType::Counter,
             "How often a container of the pod was started again.");
  for (const NodeReport::Pod& pod : report.pods) {
    for (const auto& container : pod.containers)
      page.Add(container.restarts, LabelsOf(pod, container));
  }
  page.Begin("muster_agent_container_ready", MetricType::Gauge, "1 for a container that is ready.");
  for (const NodeReport::Pod& pod : report.pods) {
    for (const auto& container : pod.containers) {
      if (!container.init) page.Add(container.ready ? 1 : 0, LabelsOf(pod, container));
    }
  }
  page.Begin("muster_agent_probes_total", MetricType::Counter,
             "Answers to probes since the agent began.");
  for (const ProbeTally& tally : tallies.probes) {
    const auto add = [&](const char* result, uint64_t count) {
      page.Add(static_cast<double>(count),
               {{"namespace", tally.namespace_},
                {"pod", tally.pod},
                {"container", tally.container},
                {"probe", absl::AsciiStrToLower({tally.probe.data(), tally.probe.size()})},
                {"result", result}});
    };
    add("successful", tally.successes);
    add("failed", tally.failures);
    add("unknown", tally.unknowns);
  }
}

void AddCalls(const CallStats::Calls& calls, Page& page) {
  page.Begin("muster_agent_cri_call_duration_seconds", MetricType::Histogram,
             "How long calls to the container runtime took, those that failed included.");
  for (const auto& [name, call] : calls) page.Add(call.durations, {{"call", name}});
  page.Begin("muster_agent_cri_call_errors_total", MetricType::Counter,
             "Calls to the container runtime that failed.");
  for (const auto& [name, call] : calls) {
    for (const auto& [code, count] : call.errors) {
      page.Add(static_cast<double>(count),
               {{"call", name}, {"code", absl::StatusCodeToString(code)}});
    }
  }
}

void AddUse(const MetricsInput& input, Page& page) {
  page.One("muster_agent_container_stats_up",
           "1 when the container runtime told what containers use.", input.stats.ok() ? 1 : 0);
  if (!input.stats.ok()) return;
  std::map<std::string, const ContainerStats*> by_id;
  for (const ContainerStats& stats : *input.stats) by_id[stats.id] = &stats;
  const auto each = [&](const auto& value_of) {
    for (const NodeReport::Pod& pod : input.report.pods) {
      for (const NodeReport::Container& container : pod.containers) {
        const auto stats = by_id.find(container.id);
        if (container.state != "running" || stats == by_id.end()) continue;
        page.Add(value_of(*stats->second), LabelsOf(pod, container));
      }
    }
  };
  page.Begin("container_cpu_usage_seconds_total", MetricType::Counter,
             "Processor time that the container has used.");
  each([](const ContainerStats& stats) { return static_cast<double>(stats.cpu_usage_ns) / 1e9; });
  page.Begin("container_memory_working_set_bytes", MetricType::Gauge,
             "Memory that the container uses and that cannot be taken from it.");
  each([](const ContainerStats& stats) {
    return static_cast<double>(stats.memory_working_set_bytes);
  });
  page.Begin("container_fs_usage_bytes", MetricType::Gauge,
             "What the container has written to its own layer.");
  each([](const ContainerStats& stats) { return static_cast<double>(stats.writable_layer_bytes); });
}

}  // namespace

std::string MetricsPage(const MetricsInput& input) {
  Page page;
  AddNode(input.report, input.tallies, page);
  AddPods(input.report, input.tallies, page);
  AddCalls(input.calls, page);
  AddUse(input, page);
  return std::move(page).Text();
}

}  // namespace muster::agent
