#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/probe/prober.h"

namespace muster::agent {

// A network whose answers the test decides. Calls are kept, and answered when Answer is called;
// single-threaded. An attempt that nobody answers is one that hangs: it times out by the test.
class FakeProber final : public Prober {
 public:
  using Decide = std::function<ProbeAnswer(const NetCall&)>;

  // Until the test says otherwise everything is well.
  void Decides(Decide decide) { decide_ = std::move(decide); }
  // Keeps attempts until Release.
  void Hold() { held_ = true; }
  void Release() {
    held_ = false;
    for (auto& [call, done] : std::exchange(waiting_, {})) done(decide_(call));
  }
  // The agent died: nobody waits for answers any more.
  void DropCallers() { waiting_.clear(); }
  const std::vector<NetCall>& calls() const { return calls_; }
  void ClearCalls() { calls_.clear(); }

  void Ask(const NetCall& call, Duration, Done done) override {
    calls_.push_back(call);
    if (held_) {
      waiting_.emplace_back(call, std::move(done));
    } else {
      done(decide_(call));
    }
  }

 private:
  Decide decide_ = [](const NetCall&) { return ProbeAnswer{}; };
  bool held_ = false;
  std::vector<NetCall> calls_;
  std::vector<std::pair<NetCall, Done>> waiting_;
};

}  // namespace muster::agent
