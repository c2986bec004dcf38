#include "coordinator/api/container_choice.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster::coordinator {
namespace {

constexpr char kDefaultContainer[] = "kubectl.kubernetes.io/default-container";

template <typename Containers>
std::vector<std::string> NamesOf(const Containers& containers) {
  std::vector<std::string> names;
  for (const auto& container : containers) names.push_back(container.name());
  return names;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

absl::StatusOr<std::string> ChooseContainer(const v1::Pod& pod, const std::string& asked) {
  const std::vector<std::string> regular = NamesOf(pod.spec().containers());
  const std::vector<std::string> init = NamesOf(pod.spec().init_containers());
  const std::vector<std::string> ephemeral = NamesOf(pod.spec().ephemeral_containers());
  const std::string& pod_name = pod.metadata().name();
  if (!asked.empty()) {
    if (Contains(regular, asked) || Contains(init, asked) || Contains(ephemeral, asked)) {
      return asked;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("container ", asked, " is not valid for pod ", pod_name));
  }
  if (auto it = pod.metadata().annotations().find(kDefaultContainer);
      it != pod.metadata().annotations().end() && Contains(regular, it->second)) {
    return it->second;
  }
  if (regular.size() == 1) return regular.front();
  std::string message = absl::StrCat("a container name must be specified for pod ", pod_name,
                                     ", choose one of: [", absl::StrJoin(regular, " "), "]");
  if (!init.empty()) {
    absl::StrAppend(&message, " or one of the init containers: [", absl::StrJoin(init, " "), "]");
  }
  return absl::InvalidArgumentError(message);
}

}  // namespace muster::coordinator
