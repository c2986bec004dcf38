#include "ctl/commands/container_choice.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster::ctl {
namespace {

constexpr char kDefaultContainer[] = "kubectl.kubernetes.io/default-container";

template <typename Containers>
std::optional<ContainerChoice> FindIn(const Containers& containers, const std::string& name) {
  for (const auto& container : containers) {
    if (container.name() != name) continue;
    return ContainerChoice{container.name(), container.tty(), container.stdin(), ""};
  }
  return std::nullopt;
}

std::optional<ContainerChoice> Find(const v1::Pod& pod, const std::string& name) {
  const v1::PodSpec& spec = pod.spec();
  auto found = FindIn(spec.containers(), name);
  if (!found) found = FindIn(spec.init_containers(), name);
  if (!found) found = FindIn(spec.ephemeral_containers(), name);
  return found;
}

}  // namespace

absl::StatusOr<ContainerChoice> ChooseContainer(const v1::Pod& pod, const std::string& asked) {
  const std::string& pod_name = pod.metadata().name();
  if (!asked.empty()) {
    if (auto found = Find(pod, asked)) return *found;
    return absl::NotFoundError(absl::StrCat("container ", asked, " not found in pod ", pod_name));
  }
  if (pod.spec().containers().empty()) {
    return absl::NotFoundError(absl::StrCat("pod ", pod_name, " does not have any containers"));
  }
  const auto& annotations = pod.metadata().annotations();
  if (const auto named = annotations.find(kDefaultContainer); named != annotations.end()) {
    if (auto found = Find(pod, named->second)) return *found;
  }
  ContainerChoice first = *Find(pod, pod.spec().containers(0).name());
  const bool several = pod.spec().containers_size() > 1 || !pod.spec().init_containers().empty() ||
                       !pod.spec().ephemeral_containers().empty();
  if (several) {
    first.notice =
        absl::StrCat("Defaulted container \"", first.name, "\" out of: ", AllContainerNames(pod));
  }
  return first;
}

std::string AllContainerNames(const v1::Pod& pod) {
  std::vector<std::string> names;
  for (const auto& each : pod.spec().containers()) names.push_back(each.name());
  for (const auto& each : pod.spec().ephemeral_containers()) {
    names.push_back(absl::StrCat(each.name(), " (ephem)"));
  }
  for (const auto& each : pod.spec().init_containers()) {
    names.push_back(absl::StrCat(each.name(), " (init)"));
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace muster::ctl
