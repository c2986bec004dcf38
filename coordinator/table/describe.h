#pragma once

#include <string>

#include "absl/types/span.h"
#include "common/base/clock.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// What a description is made from besides the object. Everything that does not belong to it is
// left out, so callers may give more than needed.
struct DescribeContext {
  absl::Span<const v1::Object> pods;  // For a DaemonSet and a node.
  absl::Span<const v1::Object> events;
  WallTime now;
};

// The text of `kubectl describe`, section by section, aligned; times in UTC. Kinds without a layout
// of their own show their metadata and the rest as YAML. Pure.
std::string Describe(const v1::Object& object, const DescribeContext& context);

}  // namespace muster::coordinator
