#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/store/memory/memory_store.h"
#include "test/simulation/machine.h"
#include "test/simulation/network.h"
#include "test/simulation/process_store.h"
#include "test/simulation/stage.h"

namespace muster::simulation {

// What faults may touch.
class FaultTargets {
 public:
  virtual ~FaultTargets() = default;
  virtual Stage& stage() = 0;
  virtual Network& network() = 0;
  virtual StoreWeather& weather() = 0;
  virtual coordinator::MemoryStore& disk() = 0;
  // The machines that are there, in order of names.
  virtual std::vector<Machine*> Members() = 0;
  virtual void CrashCoordinator(Duration down_for) = 0;
  // It dies at one of its next calls to the store or to an agent.
  virtual void LightCoordinatorFuse(int calls) = 0;
  // The Node object is deleted; the machine is enrolled again after that, or taken away for good.
  virtual void DeleteNode(const std::string& name, std::optional<Duration> back_after) = 0;
  virtual void AddNode() = 0;
};

// Everything that goes wrong by itself, each at its own random times. Every fault ends by itself
// after a while; Stop ends all at once.
class Faults {
 public:
  // `wanted` as Settings::faults. Names that are not known are ignored: check them before.
  Faults(FaultTargets& targets, const std::string& wanted);

  static std::vector<std::string> Names();

  void Start();
  // No new ones, and what is in the way is taken away.
  void Stop();

 private:
  struct Kind;
  static const std::vector<Kind>& Kinds();

  void Next();
  void Until(Duration time, std::function<void()> end);

  // One for each kind.
  void BreakStream(Machine& machine);
  void CutOff(Machine& machine);
  void CutOffAll(Machine&);
  void SlowNetwork(Machine&);
  void KillAgent(Machine& machine);
  void FuseAgent(Machine& machine);
  void LosePower(Machine& machine);
  void CrashCoordinator(Machine&);
  void FuseCoordinator(Machine&);
  void StoreStorm(Machine&);
  void BreakWatches(Machine&);
  void RestartRuntime(Machine& machine);
  void FailCalls(Machine& machine);
  void EndContainer(Machine& machine);
  void KillSandbox(Machine& machine);
  void FillDisk(Machine& machine);
  void DamageCheckpoint(Machine& machine);
  void LoseImage(Machine& machine);
  void FindImage(Machine& machine);
  void DeleteNode(Machine& machine);
  void AddNode(Machine&);

  FaultTargets& targets_;
  Dice dice_;
  std::vector<const Kind*> wanted_;  // As often as it weighs.
  bool running_ = false;
  uint64_t round_ = 0;  // Ends of faults of earlier rounds are over.
};

}  // namespace muster::simulation
