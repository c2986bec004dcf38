#include "coordinator/placement/priority.h"

#include "absl/strings/str_cat.h"

namespace muster::coordinator {

absl::StatusOr<PodPriority> FindPriority(const v1::PodSpec& spec, const std::string& name,
                                         const PriorityClasses& classes) {
  const std::string& wanted = spec.priority_class_name();
  if (wanted == "system-node-critical") return PodPriority{wanted, 2'000'001'000};
  if (wanted == "system-cluster-critical") return PodPriority{wanted, 2'000'000'000};
  const v1::PriorityClass* chosen = nullptr;
  if (!wanted.empty()) {
    const auto found = classes.find(wanted);
    if (found == classes.end()) {
      return absl::NotFoundError(absl::StrCat(
          "pods \"", name, "\" is forbidden: no PriorityClass with name ", wanted, " was found"));
    }
    chosen = &found->second;
  } else {
    // Of several global defaults the one with the smallest value counts.
    for (const auto& [class_name, each] : classes) {
      if (each.global_default() && (chosen == nullptr || each.value() < chosen->value())) {
        chosen = &each;
      }
    }
  }
  if (chosen == nullptr) return PodPriority();
  PodPriority priority{chosen->metadata().name(), chosen->value()};
  if (chosen->has_preemption_policy()) priority.preemption_policy = chosen->preemption_policy();
  return priority;
}

void SetPriority(const PodPriority& priority, v1::PodSpec& spec) {
  if (priority.class_name) spec.set_priority_class_name(*priority.class_name);
  spec.set_priority(priority.value);
  if (!spec.has_preemption_policy()) spec.set_preemption_policy(priority.preemption_policy);
}

}  // namespace muster::coordinator
