#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/loop/node_loop.h"
#include "test/fakes/fake_host.h"
#include "test/fakes/fake_prober.h"
#include "test/fakes/fake_runtime.h"
#include "test/fakes/memory_checkpoint.h"
#include "test/simulation/lifeline.h"
#include "test/simulation/network.h"
#include "test/simulation/remote_runtime.h"
#include "test/simulation/stage.h"

namespace muster::simulation {

// One host: its runtime with what somebody else runs there, its disk, and the agent in one life
// after the other. systemd is here too: an agent that dies is started again.
class Machine {
 public:
  struct Surroundings {
    Stage& stage;
    Network& network;
    const RuntimeSpoiler& spoiler;
    // A call was carried out by the runtime: a line of its journal.
    std::function<void(const Machine&, const std::string&, bool only_looks)> on_call;
    // Anything may have changed in the runtime.
    std::function<void(const Machine&)> on_change;
  };

  Machine(const Surroundings& surroundings, std::string name, Duration relist_period);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const std::string& name() const { return name_; }
  agent::FakeRuntime& runtime() { return runtime_; }
  const agent::FakeRuntime& runtime() const { return runtime_; }
  agent::MemoryDisk& disk() { return *disk_; }
  agent::FakeVolumes& volumes() { return volumes_; }
  const agent::FakeVolumes& volumes() const { return volumes_; }
  bool powered() const { return powered_; }
  bool removed() const { return removed_; }
  bool agent_runs() const { return agent_ != nullptr; }
  // Of its agent; null when none runs, or knows anything.
  std::shared_ptr<const agent::ServiceTable> table() const;
  const std::string& foreign_container() const { return foreign_container_; }
  const std::string& foreign_sandbox() const { return foreign_sandbox_; }

  // Carries out what is due in the runtime. When it was `disturbed`, somebody changed it without
  // asking it.
  void TurnRuntime(bool disturbed = false);

  // kill -9; it is started again after `down_for`.
  void KillAgent(Duration down_for);
  // The agent dies at its `calls`th call from now, whatever that will be.
  void LightFuse(int calls);
  // Power goes and comes back after `off_for`: another boot.
  void PowerCycle(Duration off_for);
  // For good: the machine is taken away.
  void Remove();

 private:
  struct Agent;

  void PlaceForeigner();
  std::set<std::string> Running() const;
  void LookAtChanges(bool called);
  void TellOfExits(const std::set<std::string>& running);
  void StartAgent();
  void StartAgentAfter(Duration wait);

  const Surroundings around_;
  const std::string name_;
  const Duration relist_period_;
  Dice dice_;
  agent::FakeRuntime runtime_;
  std::optional<Agenda::Id> runtime_due_;
  std::set<std::string> running_;  // Containers and sandboxes, when last looked at.
  agent::FakeProber prober_;
  agent::FakeHost host_;
  agent::FakeVolumes volumes_;
  agent::FakeLogs logs_;
  agent::InlineWorker worker_;
  const std::shared_ptr<agent::MemoryDisk> disk_ = std::make_shared<agent::MemoryDisk>();
  const std::shared_ptr<std::string> network_disk_ = std::make_shared<std::string>();
  std::string foreign_container_, foreign_sandbox_;
  bool powered_ = true;
  bool removed_ = false;
  int boots_ = 1;
  int lives_ = 0;
  std::unique_ptr<Agent> agent_;
};

}  // namespace muster::simulation
