#include "agent/workload/image_step.h"

#include "absl/strings/str_cat.h"
#include "common/model/image_reference.h"

namespace muster::agent {

absl::StatusOr<std::string> ImageToAskFor(const std::string& image) {
  const absl::StatusOr<model::ImageReference> parsed = model::ImageReference::Parse(image);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("Failed to apply default image tag \"", image,
                                                   "\": couldn't parse image name \"", image,
                                                   "\": ", parsed.status().message()));
  }
  if (parsed->tag.empty() && parsed->digest.empty()) return absl::StrCat(image, ":latest");
  return image;
}

PullPolicy PullPolicyOf(const v1::Container& container) {
  const std::string policy = container.image_pull_policy().empty()
                                 ? std::string(model::DefaultPullPolicy(container.image()))
                                 : container.image_pull_policy();
  if (policy == "Always") return PullPolicy::kAlways;
  if (policy == "Never") return PullPolicy::kNever;
  return PullPolicy::kIfNotPresent;
}

}  // namespace muster::agent
