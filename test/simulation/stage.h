#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "test/simulation/agenda.h"
#include "test/simulation/dice.h"
#include "test/simulation/trace.h"

namespace muster::simulation {

// What everything in one simulation shares: the seed, time, what is to come, and what was.
struct Stage {
  explicit Stage(uint64_t seed_of_all) : seed(seed_of_all) {}
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  Dice NewDice(absl::string_view name) const { return Dice(seed, name); }

  const uint64_t seed;
  ManualClock clock;
  Trace trace{clock};
  Agenda agenda{clock, Dice(seed, "agenda")};
};

}  // namespace muster::simulation
