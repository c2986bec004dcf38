#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ctl/jsonpath/expression.h"

namespace muster::ctl::jsonpath {

// Pure. InvalidArgument says what is wrong and where, for people.
absl::StatusOr<std::vector<Piece>> ParseTemplate(std::string_view text);

}  // namespace muster::ctl::jsonpath
