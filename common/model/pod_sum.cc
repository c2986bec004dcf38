#include "common/model/pod_sum.h"

#include <algorithm>

namespace muster::model {
namespace {

void Add(const ResourceAmounts& more, ResourceAmounts& amounts) {
  for (const auto& [name, amount] : more) amounts[name] += amount;
}

void RaiseTo(const ResourceAmounts& floor, ResourceAmounts& amounts) {
  for (const auto& [name, amount] : floor) amounts[name] = std::max(amounts[name], amount);
}

}  // namespace

ResourceAmounts SumOverContainers(const v1::PodSpec& pod, const AmountsOf& amounts_of) {
  ResourceAmounts running;
  for (const v1::Container& container : pod.containers()) {
    Add(ToAmounts(amounts_of(container.resources())), running);
  }
  ResourceAmounts sidecars;
  ResourceAmounts starting;
  for (const v1::Container& init : pod.init_containers()) {
    const ResourceAmounts own = ToAmounts(amounts_of(init.resources()));
    if (IsSidecar(init)) {
      Add(own, sidecars);
      RaiseTo(sidecars, starting);
    } else {
      ResourceAmounts together = sidecars;
      Add(own, together);
      RaiseTo(together, starting);
    }
  }
  Add(sidecars, running);
  RaiseTo(starting, running);
  return running;
}

}  // namespace muster::model
