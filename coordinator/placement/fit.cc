#include "coordinator/placement/fit.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/quantity.h"
#include "coordinator/placement/node_choice.h"

namespace muster::coordinator {
namespace {

model::Quantity AmountOf(const model::ResourceMap& resources, const std::string& name) {
  const auto found = resources.find(name);
  if (found == resources.end()) return {};
  const absl::StatusOr<model::Quantity> parsed = model::Quantity::Parse(found->second.text());
  return parsed.ok() ? *parsed : model::Quantity();
}

bool HasEnded(const v1::Pod& pod) {
  return pod.status().phase() == "Succeeded" || pod.status().phase() == "Failed";
}

}  // namespace

std::string Misfit::Text() const {
  switch (kind) {
    case Kind::kHostPort:
      return "node(s) didn't have free ports for the requested pod ports";
    case Kind::kPodCount:
      return "Too many pods";
    case Kind::kResource:
      return absl::StrCat("Insufficient ", resource);
  }
  return "";
}

PodFootprint FootprintOf(const v1::Pod& pod) {
  return {model::PodRequests(pod.spec()), model::HostPortsOf(pod)};
}

void NodeLoad::Add(const PodFootprint& footprint) {
  ++pod_count_;
  for (const auto& [name, amount] : footprint.requests) {
    if (amount.sign() > 0) requests_[name] += amount;
  }
  host_ports_.insert(host_ports_.end(), footprint.host_ports.begin(), footprint.host_ports.end());
}

void NodeLoad::Remove(const PodFootprint& footprint) {
  MUSTER_CHECK(pod_count_ > 0);
  --pod_count_;
  for (const auto& [name, amount] : footprint.requests) {
    if (amount.sign() <= 0) continue;
    const auto found = requests_.find(name);
    MUSTER_CHECK(found != requests_.end());
    found->second -= amount;
    if (found->second.IsZero()) requests_.erase(found);
  }
  for (const model::HostPort& port : footprint.host_ports) {
    const auto found = std::find(host_ports_.begin(), host_ports_.end(), port);
    MUSTER_CHECK(found != host_ports_.end());
    host_ports_.erase(found);
  }
}

std::vector<Misfit> FindMisfits(const PodFootprint& pod, const model::ResourceMap& allocatable,
                                const NodeLoad& load) {
  for (const model::HostPort& wanted : pod.host_ports) {
    for (const model::HostPort& taken : load.host_ports()) {
      if (model::Clash(wanted, taken)) return {{Misfit::Kind::kHostPort, wanted, "", {}, {}}};
    }
  }
  std::vector<Misfit> misfits;
  const model::Quantity room = AmountOf(allocatable, "pods");
  if (load.pod_count() + 1 > room.Value()) {
    misfits.push_back({Misfit::Kind::kPodCount,
                       {},
                       "pods",
                       model::Quantity::FromUnits(1),
                       room - model::Quantity::FromUnits(load.pod_count())});
  }
  for (const auto& [name, wanted] : pod.requests) {
    if (wanted.sign() <= 0) continue;
    model::Quantity free = AmountOf(allocatable, name);
    const auto taken = load.requests().find(name);
    if (taken != load.requests().end()) free -= taken->second;
    if (wanted > free) misfits.push_back({Misfit::Kind::kResource, {}, name, wanted, free});
  }
  return misfits;
}

std::vector<std::string> Misfits(const PodFootprint& pod, const model::ResourceMap& allocatable,
                                 const NodeLoad& load) {
  std::vector<std::string> texts;
  for (const Misfit& misfit : FindMisfits(pod, allocatable, load)) texts.push_back(misfit.Text());
  return texts;
}

std::vector<std::string> Fit(const v1::Pod& pod, const v1::Node& node,
                             absl::Span<const v1::Pod* const> pods_on_node) {
  NodeLoad load;
  for (const v1::Pod* other : pods_on_node) {
    if (!HasEnded(*other)) load.Add(FootprintOf(*other));
  }
  return Misfits(FootprintOf(pod), node.status().allocatable(), load);
}

std::string UnschedulableMessage(const std::vector<std::string>& misfits, int node_count) {
  std::map<std::string, int> reasons;
  for (const std::string& misfit : misfits) reasons[misfit] = 1;
  if (node_count > 1) reasons["node(s) didn't satisfy plugin(s) [NodeAffinity]"] = node_count - 1;
  return UnschedulableMessage(reasons, node_count);
}

}  // namespace muster::coordinator
