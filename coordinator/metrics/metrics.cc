#include "coordinator/metrics/metrics.h"

#include "common/metrics/exposition.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace muster::coordinator {

struct Metrics::Series {
  explicit Series(prometheus::Registry& registry, const std::string& version)
      : sessions(prometheus::BuildGauge()
                     .Name("muster_coordinator_sessions")
                     .Help("Agents with an open session.")
                     .Register(registry)
                     .Add({})),
        steps(prometheus::BuildHistogram()
                  .Name("muster_coordinator_step_seconds")
                  .Help("Duration of one turn of a loop.")
                  .Register(registry)) {
    prometheus::BuildGauge()
        .Name("muster_coordinator_build_info")
        .Help("Always 1; the version is in the label.")
        .Register(registry)
        .Add({{"version", version}})
        .Set(1);
  }

  prometheus::Gauge& sessions;
  prometheus::Family<prometheus::Histogram>& steps;
};

Metrics::Metrics(const std::string& version)
    : registry_(std::make_unique<prometheus::Registry>()),
      series_(std::make_unique<Series>(*registry_, version)) {}

Metrics::~Metrics() = default;

void Metrics::SetSessions(size_t sessions) { series_->sessions.Set(static_cast<double>(sessions)); }

void Metrics::ObserveStep(const std::string& loop, double seconds) {
  static const prometheus::Histogram::BucketBoundaries boundaries = {0.0001, 0.001, 0.01,
                                                                     0.1,    1,     10};
  // The same labels give the same histogram again.
  series_->steps.Add({{"loop", loop}}, boundaries).Observe(seconds);
}

std::string Metrics::Text() const { return ExpositionText(registry_->Collect()); }

}  // namespace muster::coordinator
