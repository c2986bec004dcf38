#pragma once

#include <chrono>

#include "common/base/clock.h"

namespace muster {

// One reading of both clocks: the `now` of a decision that waits by the one and compares with
// stored times by the other.
struct Moment {
  MonoTime mono;
  WallTime wall;

  static Moment Read(const Clock& clock) { return {clock.Mono(), clock.Wall()}; }

  // When the wall clock will show `when`, unless somebody sets it meanwhile.
  MonoTime MonoAt(WallTime when) const {
    return mono + std::chrono::duration_cast<MonoTime::duration>(when - wall);
  }
};

}  // namespace muster
