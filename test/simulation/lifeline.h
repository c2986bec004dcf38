#pragma once

#include <optional>

namespace muster::simulation {

// Whether a process still lives, as its surroundings see it.
//
// Production code cannot be stopped in the middle of a step, but it reaches the world through seams
// only, and each of them asks here first. A process whose fuse burns down at a call goes on to the
// end of its step without any effect, so to everybody else it was killed at that very call.
class Lifeline {
 public:
  bool alive() const { return alive_; }
  // The seam is about to act, or to answer: may it?
  bool Pass() {
    if (alive_ && fuse_ && --*fuse_ <= 0) alive_ = false;
    return alive_;
  }
  // It dies at its `calls`th call from now.
  void LightFuse(int calls) { fuse_ = calls; }
  void Cut() { alive_ = false; }

 private:
  bool alive_ = true;
  std::optional<int> fuse_;
};

}  // namespace muster::simulation
