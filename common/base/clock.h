#pragma once

#include <chrono>

namespace muster {

// For waits, deadlines and durations. Never goes back; dies with the boot.
using MonoTime = std::chrono::steady_clock::time_point;
// For people and for disk. May jump.
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::nanoseconds;

// The two clocks as one injected object, so that a simulated one can drift and jump.
// Thread-safe. Only main.cc builds the real one.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime Mono() const = 0;
  virtual WallTime Wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonoTime Mono() const override { return std::chrono::steady_clock::now(); }
  WallTime Wall() const override { return std::chrono::system_clock::now(); }
};

// Moves only when told. Not thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime wall = WallTime(std::chrono::hours(24 * 365 * 50))) : wall_(wall) {}
  MonoTime Mono() const override { return mono_; }
  WallTime Wall() const override { return wall_; }
  void Advance(Duration by) {
    mono_ += std::chrono::duration_cast<MonoTime::duration>(by);
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
  }
  // The wall clock alone, as when somebody sets the date.
  void JumpWall(Duration by) { wall_ += std::chrono::duration_cast<WallTime::duration>(by); }

 private:
  MonoTime mono_{std::chrono::hours(1)};
  WallTime wall_;
};

}  // namespace muster
