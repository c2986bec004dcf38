#include "coordinator/explain/room.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/placement/fit.h"

namespace muster::coordinator {
namespace {

constexpr size_t kHoldersMax = 5;

struct Holder {
  const v1::Pod* pod;
  PodFootprint footprint;
};

std::string NameOf(const v1::Pod& pod) {
  return absl::StrCat(pod.metadata().namespace_(), "/", pod.metadata().name());
}

std::vector<Holder> HoldersOn(const v1::Node& node, const std::vector<const v1::Pod*>& pods) {
  std::vector<Holder> holders;
  for (const v1::Pod* pod : pods) {
    if (pod->spec().node_name() != node.metadata().name()) continue;
    if (PodFactsOf(*pod).terminal()) continue;
    holders.push_back({pod, FootprintOf(*pod)});
  }
  return holders;
}

Explanation PortTaken(const model::HostPort& wanted, const std::vector<Holder>& holders) {
  Explanation found;
  found.cause = Cause::kHostPortTaken;
  const std::string port = absl::StrCat(wanted.port, "/", wanted.protocol);
  for (const Holder& holder : holders) {
    for (const model::HostPort& taken : holder.footprint.host_ports) {
      if (!model::Clash(wanted, taken)) continue;
      found.line = absl::StrCat("host port taken: ", port, " is held by pod ", NameOf(*holder.pod));
      if (holder.pod->metadata().has_deletion_timestamp()) {
        found.details.push_back("that pod is being stopped");
      }
      return found;
    }
  }
  found.line = absl::StrCat("host port taken: ", port);
  return found;
}

Explanation TooManyPods(const v1::Node& node, size_t count) {
  Explanation found;
  found.cause = Cause::kTooManyPods;
  const auto room = node.status().allocatable().find("pods");
  found.line = absl::StrCat(
      "does not fit: node ", node.metadata().name(), " has ", count, " pods and takes ",
      room == node.status().allocatable().end() ? "none" : room->second.text());
  return found;
}

Explanation ShortOf(const Misfit& misfit, std::vector<Holder> holders) {
  Explanation found;
  found.cause = Cause::kDoesNotFit;
  const auto amount = [&](const Holder& holder) {
    const auto held = holder.footprint.requests.find(misfit.resource);
    return held == holder.footprint.requests.end() ? model::Quantity() : held->second;
  };
  std::erase_if(holders, [&](const Holder& holder) { return amount(holder).sign() <= 0; });
  std::sort(holders.begin(), holders.end(), [&](const Holder& a, const Holder& b) {
    if (amount(a) != amount(b)) return amount(b) < amount(a);
    return NameOf(*a.pod) < NameOf(*b.pod);
  });
  std::vector<std::string> held;
  for (size_t i = 0; i < holders.size() && i < kHoldersMax; ++i) {
    held.push_back(absl::StrCat(NameOf(*holders[i].pod), " (", amount(holders[i]).ToString(), ")"));
  }
  if (holders.size() > kHoldersMax) {
    held.push_back(absl::StrCat(holders.size() - kHoldersMax, " more"));
  }
  const model::Quantity free = misfit.free.sign() < 0 ? model::Quantity() : misfit.free;
  found.line = absl::StrCat("does not fit: it asks for ", misfit.resource, " ",
                            misfit.wanted.ToString(), ", and ", free.ToString(), " is free",
                            held.empty() ? "" : "; held by ", absl::StrJoin(held, ", "));
  return found;
}

}  // namespace

std::optional<Explanation> FindLackOfRoom(const v1::Pod& pod, const v1::Node& node,
                                          const std::vector<const v1::Pod*>& pods) {
  std::vector<Holder> holders = HoldersOn(node, pods);
  NodeLoad load;
  for (const Holder& holder : holders) load.Add(holder.footprint);
  const std::vector<Misfit> misfits =
      FindMisfits(FootprintOf(pod), node.status().allocatable(), load);
  if (misfits.empty()) return std::nullopt;
  Explanation found;
  switch (misfits.front().kind) {
    case Misfit::Kind::kHostPort:
      found = PortTaken(misfits.front().port, holders);
      break;
    case Misfit::Kind::kPodCount:
      found = TooManyPods(node, holders.size());
      break;
    case Misfit::Kind::kResource:
      found = ShortOf(misfits.front(), std::move(holders));
      break;
  }
  for (size_t i = 1; i < misfits.size(); ++i) {
    found.details.push_back(absl::StrCat("also: ", misfits[i].Text(), ", ",
                                         misfits[i].wanted.ToString(), " wanted, ",
                                         misfits[i].free.ToString(), " free"));
  }
  return found;
}

}  // namespace muster::coordinator
