#pragma once

#include "common/base/ip_address.h"

namespace muster {

// Whether the ranges have addresses in common: then one is within the other.
inline bool Overlap(const IpRange& a, const IpRange& b) {
  return a.Contains(b.base) || b.Contains(a.base);
}

}  // namespace muster
