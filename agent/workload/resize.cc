#include "agent/workload/resize.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
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

}  // namespace muster::agent
