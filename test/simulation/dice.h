#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"

namespace muster::simulation {

// All chance in a simulation. The same seed gives the same numbers on every machine (splitmix64).
//
// Whoever rolls has dice of its own, named after it, so that one more roll in one place leaves the
// others' luck alone.
class Dice {
 public:
  Dice(uint64_t seed, absl::string_view name) : state_(seed) {
    for (const char c : name) state_ = Mix(state_ ^ static_cast<unsigned char>(c));
  }

  uint64_t Bits() { return Mix(state_ += 0x9e3779b97f4a7c15); }
  // 0 to sides - 1.
  int Roll(int sides) { return static_cast<int>(Bits() % static_cast<uint64_t>(sides)); }
  bool Chance(double probability) {
    return static_cast<double>(Bits() >> 11) * 0x1.0p-53 < probability;
  }
  Duration Between(Duration least, Duration most) {
    const auto range = static_cast<uint64_t>((most - least).count()) + 1;
    return least + Duration(static_cast<int64_t>(Bits() % range));
  }
  // Near `usual` most of the time, but one in twenty takes up to `most`: what delays look like.
  Duration Delay(Duration usual, Duration most) {
    return Chance(0.05) ? Between(usual, most) : Between(usual / 4, usual);
  }
  template <typename T>
  const T& Pick(const std::vector<T>& choices) {
    return choices[static_cast<size_t>(Roll(static_cast<int>(choices.size())))];
  }

 private:
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

}  // namespace muster::simulation
