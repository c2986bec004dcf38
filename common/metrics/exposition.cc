#include "common/metrics/exposition.h"

#include <sstream>

#include "prometheus/text_serializer.h"

namespace muster {

std::string ExpositionText(const std::vector<prometheus::MetricFamily>& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace muster
