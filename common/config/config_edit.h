#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace muster {

// The text of a settings file with some of its top-level keys set to single texts. Everything else
// stays as it was, comments too; keys that were not there come at the end, in their order.
//
// InvalidArgument when the text cannot be read; FailedPrecondition when one of the keys is written
// in a way that cannot be replaced (a list, several lines): the message says to edit it by hand.
// Pure. `name` stands for the path in messages.
absl::StatusOr<std::string> SetConfigKeys(
    const std::string& text, const std::string& name,
    const std::vector<std::pair<std::string, std::string>>& settings);

}  // namespace muster
