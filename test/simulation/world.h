#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/store/memory/memory_store.h"
#include "test/simulation/coordinator_process.h"
#include "test/simulation/faults.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/ledger.h"
#include "test/simulation/machine.h"
#include "test/simulation/network.h"
#include "test/simulation/process_store.h"
#include "test/simulation/stage.h"
#include "test/simulation/users.h"

namespace muster::simulation {

struct Settings {
  uint64_t seed = 1;
  int nodes = 3;
  double hours = 24;
  // Names of Faults::Names(), or "all", or "none"; separated by commas.
  std::string faults = "all";
  std::string planted;  // A bug of planted.h; empty: none.
  bool verbose = false;
};

struct Outcome {
  std::vector<std::string> violations;  // Of the moment when the first came to light.
  std::string simulated;                // How long that took, "23:59:12".
  uint64_t digest = 0;
  int64_t steps = 0;   // Things that happened.
  int64_t checks = 0;  // Of an invariant.
  int quiet_points = 0;
  std::map<std::string, int64_t, std::less<>> counts;
  std::deque<std::string> last_lines;
};

// One cluster: a coordinator, its store, the machines, the people, and everything that may go wrong
// between them. Hours of chaos take turns with quiet points, when everything that was in the way is
// taken away and all has to come right.
class World final : public FaultTargets {
 public:
  explicit World(const Settings& settings);
  ~World() override;

  Outcome Run();

  // FaultTargets.
  Stage& stage() override { return stage_; }
  Network& network() override { return network_; }
  StoreWeather& weather() override { return weather_; }
  coordinator::MemoryStore& disk() override { return disk_; }
  std::vector<Machine*> Members() override;
  void CrashCoordinator(Duration down_for) override;
  void LightCoordinatorFuse(int calls) override;
  void DeleteNode(const std::string& name, std::optional<Duration> back_after) override;
  void AddNode() override;

 private:
  bool failed() const { return !outcome_.violations.empty(); }
  void Fail(std::string what);
  Sight Look() const { return {stage_.clock, ledger_, machines_, *users_}; }
  template <typename Check>
  void CheckAll(const Check& check);

  void StartCoordinator();
  void OnCommit(const Committed& committed);
  void OnCall(const Machine& machine, const std::string& line, bool only_looks);
  void DeliverSoon();
  void Enrol(const std::string& name);
  void UsersActSoon();
  void RunFor(Duration time);
  void QuietPoint();

  const Settings settings_;
  Stage stage_;
  Dice dice_;
  Outcome outcome_;
  coordinator::MemoryStore disk_;
  StoreWeather weather_;
  StoreSpoiler store_spoiler_;
  RuntimeSpoiler runtime_spoiler_;
  Network network_;
  Ledger ledger_;
  bool delivery_due_ = false;
  std::chrono::milliseconds heartbeat_interval_;
  Duration relist_period_;

  std::map<std::string, std::unique_ptr<Machine>> machines_;
  int last_node_ = 0;
  std::unique_ptr<CoordinatorProcess> coordinator_;
  int coordinator_lives_ = 0;
  std::unique_ptr<Users> users_;
  bool users_work_ = false;
  std::unique_ptr<Faults> faults_;
  std::vector<std::unique_ptr<Invariant>> invariants_;
  bool nothing_may_happen_ = false;  // It is settled, and stays so.
};

// Builds a world and lets it run.
Outcome Simulate(const Settings& settings);

}  // namespace muster::simulation
