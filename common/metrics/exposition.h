#pragma once

#include <string>
#include <vector>

#include "prometheus/metric_family.h"

namespace muster {

// Prometheus' text format, and what HTTP calls it.
std::string ExpositionText(const std::vector<prometheus::MetricFamily>& families);
inline constexpr char kExpositionType[] = "text/plain; version=0.0.4";

}  // namespace muster
