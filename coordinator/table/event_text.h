#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/clock.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// What events say, for tables and descriptions. Pure.

std::string FirstSeen(const v1::Event& event, WallTime now);
std::string LastSeen(const v1::Event& event, WallTime now);
int32_t EventCount(const v1::Event& event);
// "daemonset-controller", "kubelet, node-1".
std::string EventSourceText(const v1::Event& event);

// Whether it happened to this object: kind, namespace and name agree, and the uid if both have one
// (a node's may also be its name).
bool IsAbout(const v1::Event& event, const v1::Object& object);

// The last section of a description: those of `events` about this object, oldest first, or
// "Events:\t<none>". Not yet aligned; the table is to be aligned by itself.
struct EventSection {
  std::string text;
  bool is_table = false;
};
EventSection DescribeEvents(const v1::Object& object, absl::Span<const v1::Object> events,
                            WallTime now);

}  // namespace muster::coordinator
