#pragma once

#include <string>

#include "absl/types/span.h"
#include "common/base/clock.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Appends the description of a node up to its events; `pods` may hold those of other nodes too.
void DescribeNode(const v1::Node& node, absl::Span<const v1::Object> pods, WallTime now,
                  std::string& out);

}  // namespace muster::coordinator
