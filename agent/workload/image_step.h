#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "muster/v1/container.pb.h"

namespace muster::agent {

// The text the runtime is asked for: the image as written, with ":latest" when it has neither tag
// nor digest. InvalidArgument, with the message of waiting reason InvalidImageName, when it is no
// image name.
absl::StatusOr<std::string> ImageToAskFor(const std::string& image);

enum class PullPolicy { kAlways, kIfNotPresent, kNever };

// An empty policy is the default for the image's tag.
PullPolicy PullPolicyOf(const v1::Container& container);

}  // namespace muster::agent
