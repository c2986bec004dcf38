#include "coordinator/admission/validate_resize.h"

#include <algorithm>
#include <set>
#include <string>

#include "common/model/resources.h"
#include "coordinator/admission/validate_common.h"

namespace muster::coordinator {
namespace {

using model::ResourceAmounts;

bool IsResizable(const std::string& name) { return name == "cpu" || name == "memory"; }

bool RestartsFor(const v1::Container& container, const std::string& name) {
  return std::ranges::any_of(
      container.resize_policy(), [&name](const v1::ContainerResizePolicy& policy) {
        return policy.resource_name() == name && policy.restart_policy() == "RestartContainer";
      });
}

// Containers of one place in both specs that are the same one.
template <typename Visit>
void ForEachPair(const FieldPath& path, const v1::PodSpec& updated, const v1::PodSpec& stored,
                 const Visit& visit) {
  if (updated.containers_size() == stored.containers_size()) {
    for (int i = 0; i < stored.containers_size(); ++i) {
      visit(path.Child("containers").Index(i), updated.containers(i), stored.containers(i));
    }
  }
  if (updated.init_containers_size() == stored.init_containers_size()) {
    for (int i = 0; i < stored.init_containers_size(); ++i) {
      if (!model::IsSidecar(stored.init_containers(i))) continue;
      visit(path.Child("initContainers").Index(i), updated.init_containers(i),
            stored.init_containers(i));
    }
  }
}

void CheckAmounts(const FieldPath& path, const char* what, const ResourceAmounts& now,
                  const ResourceAmounts& before, Problems& problems) {
  const FieldPath at = path.Child(what);
  for (const auto& [name, amount] : before) {
    const auto found = now.find(name);
    if (found == now.end()) {
      problems.Forbidden(at, "resource " + std::string(what) + " cannot be removed");
    } else if (!IsResizable(name) && found->second != amount) {
      problems.Forbidden(at.Key(name), "only cpu and memory resources are mutable");
    }
  }
  for (const auto& [name, amount] : now) {
    if (!IsResizable(name) && !before.contains(name)) {
      problems.Forbidden(at.Key(name), "only cpu and memory resources are mutable");
    }
  }
}

}  // namespace

void ValidateResizePolicies(const FieldPath& path, const v1::PodSpec& spec, Problems& problems) {
  const auto check = [&](const FieldPath& container_path, const v1::Container& container) {
    std::set<std::string> names;
    for (int i = 0; i < container.resize_policy_size(); ++i) {
      const v1::ContainerResizePolicy& policy = container.resize_policy(i);
      const FieldPath at = container_path.Child("resizePolicy").Index(i);
      CheckOneOf(at.Child("resourceName"), policy.resource_name(), {"cpu", "memory"}, true,
                 problems);
      CheckOneOf(at.Child("restartPolicy"), policy.restart_policy(),
                 {"NotRequired", "RestartContainer"}, true, problems);
      if (!names.insert(policy.resource_name()).second) {
        problems.Duplicate(at.Child("resourceName"), policy.resource_name());
      }
      if (spec.restart_policy() == "Never" && policy.restart_policy() == "RestartContainer") {
        problems.InvalidText(at.Child("restartPolicy"), policy.restart_policy(),
                             "must be 'NotRequired' when `restartPolicy` is 'Never'");
      }
    }
  };
  for (int i = 0; i < spec.containers_size(); ++i) {
    check(path.Child("containers").Index(i), spec.containers(i));
  }
  for (int i = 0; i < spec.init_containers_size(); ++i) {
    check(path.Child("initContainers").Index(i), spec.init_containers(i));
  }
}

void ValidateResize(const FieldPath& path, const v1::PodSpec& updated, const v1::PodSpec& stored,
                    Problems& problems) {
  ForEachPair(path, updated, stored,
              [&](const FieldPath& at, const v1::Container& now, const v1::Container& before) {
                const FieldPath resources = at.Child("resources");
                const ResourceAmounts limits = model::ToAmounts(now.resources().limits());
                const ResourceAmounts limits_before = model::ToAmounts(before.resources().limits());
                CheckAmounts(resources, "limits", limits, limits_before, problems);
                CheckAmounts(resources, "requests", model::ToAmounts(now.resources().requests()),
                             model::ToAmounts(before.resources().requests()), problems);
                const auto memory = limits.find("memory");
                const auto memory_before = limits_before.find("memory");
                if (memory != limits.end() && memory_before != limits_before.end() &&
                    memory->second < memory_before->second && !RestartsFor(before, "memory")) {
                  problems.Forbidden(resources.Child("limits").Key("memory"),
                                     "memory limits cannot be decreased unless resizePolicy is "
                                     "RestartContainer");
                }
              });
  const std::string qos(model::QosClass(updated));
  if (qos != model::QosClass(stored)) {
    problems.InvalidText(path, qos, "Pod QOS Class may not change as a result of resizing");
  }
}

void AdoptResources(const v1::PodSpec& stored, v1::PodSpec& updated) {
  const auto adopt = [](const v1::Container& before, v1::Container& now) {
    if (before.has_resources()) {
      *now.mutable_resources() = before.resources();
    } else {
      now.clear_resources();
    }
  };
  if (updated.containers_size() == stored.containers_size()) {
    for (int i = 0; i < stored.containers_size(); ++i) {
      adopt(stored.containers(i), *updated.mutable_containers(i));
    }
  }
  if (updated.init_containers_size() == stored.init_containers_size()) {
    for (int i = 0; i < stored.init_containers_size(); ++i) {
      if (!model::IsSidecar(stored.init_containers(i))) continue;
      adopt(stored.init_containers(i), *updated.mutable_init_containers(i));
    }
  }
}

}  // namespace muster::coordinator
