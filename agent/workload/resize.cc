#include "agent/workload/resize.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

constexpr const char* kResizable[] = {"cpu", "memory"};

model::Quantity Amount(const model::ResourceMap& resources, const char* name) {
  const auto found = resources.find(name);
  if (found == resources.end()) return {};
  const auto amount = model::Quantity::Parse(found->second.text());
  return amount.ok() ? *amount : model::Quantity();
}

bool Differs(const v1::ResourceRequirements& a, const v1::ResourceRequirements& b,
             const char* name) {
  return Amount(a.requests(), name) != Amount(b.requests(), name) ||
         Amount(a.limits(), name) != Amount(b.limits(), name);
}

bool WantsRestart(const v1::Container& container, const char* name) {
  return std::ranges::any_of(
      container.resize_policy(), [name](const v1::ContainerResizePolicy& policy) {
        return policy.resource_name() == name && policy.restart_policy() == "RestartContainer";
      });
}

// What ResizeTarget made; nothing is what is zero in it.
v1::ResourceRequirements FromTarget(const std::string& target) {
  v1::ResourceRequirements resources;
  for (const absl::string_view word : absl::StrSplit(target, ' ', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> named = absl::StrSplit(word, absl::MaxSplits('=', 1));
    const std::pair<std::string, std::string> amounts =
        absl::StrSplit(named.second, absl::MaxSplits('/', 1));
    if (amounts.first != "0") (*resources.mutable_requests())[named.first].set_text(amounts.first);
    if (amounts.second != "0") (*resources.mutable_limits())[named.first].set_text(amounts.second);
  }
  return resources;
}

void TakeOver(const model::ResourceMap& from, const char* name, model::ResourceMap& to) {
  const auto found = from.find(name);
  if (found != from.end()) {
    to[name] = found->second;
  } else {
    to.erase(name);
  }
}

void GiveWhatItHas(const ObservedPod& observed, v1::Container& container) {
  const ContainerInstance* newest = NewestInstance(observed, container.name());
  if (newest == nullptr) return;
  const ObservedContainer& seen = observed.containers.at(container.name());
  std::optional<v1::ResourceRequirements> has = newest->resources;
  if (seen.resized == newest->status.id) has = FromTarget(seen.resized_to);
  if (!has || ResizeTarget(*has) == ResizeTarget(container.resources())) return;
  for (const char* name : kResizable) {
    TakeOver(has->requests(), name, *container.mutable_resources()->mutable_requests());
    TakeOver(has->limits(), name, *container.mutable_resources()->mutable_limits());
  }
}

model::Quantity AmountOf(const model::ResourceAmounts& amounts, const char* name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? model::Quantity() : found->second;
}

// As kubelet counts it in what it says: cpu in thousandths, memory in bytes.
int64_t Counted(const char* name, const model::Quantity& amount) {
  return name == std::string_view("cpu") ? amount.MilliValue() : amount.Value();
}

}  // namespace

Resize ResizeNeeded(const v1::Container& wanted,
                    const std::optional<v1::ResourceRequirements>& made_with, int64_t generation) {
  if (!made_with) return generation > 1 ? Resize::kInPlace : Resize::kNone;
  Resize needed = Resize::kNone;
  for (const char* name : kResizable) {
    if (!Differs(wanted.resources(), *made_with, name)) continue;
    if (WantsRestart(wanted, name)) return Resize::kRestart;
    needed = Resize::kInPlace;
  }
  return needed;
}

std::string ResizeTarget(const v1::ResourceRequirements& resources) {
  std::string text;
  for (const char* name : kResizable) {
    absl::StrAppend(&text, text.empty() ? "" : " ", name, "=",
                    Amount(resources.requests(), name).ToString(), "/",
                    Amount(resources.limits(), name).ToString());
  }
  return text;
}

v1::Pod WithWhatItHas(const v1::Pod& wanted, const ObservedPod& observed) {
  v1::Pod pod = wanted;
  for (v1::Container& c : *pod.mutable_spec()->mutable_init_containers()) {
    if (model::IsSidecar(c)) GiveWhatItHas(observed, c);
  }
  for (v1::Container& c : *pod.mutable_spec()->mutable_containers()) GiveWhatItHas(observed, c);
  return pod;
}

std::optional<ResizeRefusal> JudgeResize(const v1::PodSpec& wanted, const v1::PodSpec& has,
                                         const model::ResourceAmounts& others,
                                         const model::ResourceAmounts& allocatable) {
  const model::ResourceAmounts wants = model::PodRequests(wanted);
  const model::ResourceAmounts before = model::PodRequests(has);
  std::optional<ResizeRefusal> deferred;
  for (const char* name : kResizable) {
    const model::Quantity request = AmountOf(wants, name);
    if (request <= AmountOf(before, name) || !allocatable.contains(name)) continue;
    const model::Quantity capacity = allocatable.at(name);
    const model::Quantity used = AmountOf(others, name);
    if (request > capacity) {
      return ResizeRefusal{"Infeasible", absl::StrCat("Node didn't have enough capacity: ", name,
                                                      ", requested: ", Counted(name, request),
                                                      ", capacity: ", Counted(name, capacity))};
    }
    if (request + used > capacity && !deferred) {
      deferred = ResizeRefusal{"Deferred", absl::StrCat("Node didn't have enough resource: ", name,
                                                        ", requested: ", Counted(name, request),
                                                        ", used: ", Counted(name, used),
                                                        ", capacity: ", Counted(name, capacity))};
    }
  }
  return deferred;
}

}  // namespace muster::agent
