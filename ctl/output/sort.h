#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "muster/v1/object.pb.h"

namespace muster::ctl {

// The order of `--sort-by=PATH`: indexes into `objects`, which has equal ones stay as they are.
// Numbers by value, quantities by amount, other text with the numbers inside it by value; objects
// without the field come first. InvalidArgument for a mistake in the path, or when no object has
// the field.
absl::StatusOr<std::vector<size_t>> SortedOrder(const std::string& path,
                                                absl::Span<const v1::Object> objects);

// "node-2" before "node-10".
bool NaturallyLess(std::string_view a, std::string_view b);

}  // namespace muster::ctl
