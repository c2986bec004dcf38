#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "test/simulation/ledger.h"
#include "test/simulation/machine.h"
#include "test/simulation/users.h"

namespace muster::simulation {

// All there is to look at.
struct Sight {
  const Clock& clock;
  const Ledger& ledger;
  // Also those that were taken away: their name is then not among the nodes.
  const std::map<std::string, std::unique_ptr<Machine>>& machines;
  const Users& users;
};

// Says what is wrong, in one line.
using Report = std::function<void(std::string)>;

// Something that always holds. One file each; the header comment names the spec's number.
class Invariant {
 public:
  virtual ~Invariant() = default;
  virtual absl::string_view name() const = 0;
  // After each commit to the store.
  virtual void OnCommit(const Sight&, const Commit&, const Report&) {}
  // After a runtime carried out a call; `line` is its journal's.
  virtual void OnCall(const Sight&, const Machine&, const std::string&, const Report&) {}
  // After anything may have changed in a runtime.
  virtual void OnRuntime(const Sight&, const Machine&, const Report&) {}
  // Nothing is in the way of anybody, and that for long.
  virtual void OnQuiet(const Sight&, const Report&) {}
};

// All of them.
std::vector<std::unique_ptr<Invariant>> AllInvariants();

// One maker for each file.
std::unique_ptr<Invariant> NewOnePodPerNode();
std::unique_ptr<Invariant> NewUnavailableBudget();
std::unique_ptr<Invariant> NewDownByOurDoing();
std::unique_ptr<Invariant> NewGuardedRollout();
std::unique_ptr<Invariant> NewEligibleNodesOnly();
std::unique_ptr<Invariant> NewOthersUntouched();
std::unique_ptr<Invariant> NewNoNeedlessRestart();
std::unique_ptr<Invariant> NewNumbersGrow();
std::unique_ptr<Invariant> NewStatusAddsUp();
std::unique_ptr<Invariant> NewIntentKept();
std::unique_ptr<Invariant> NewCountersAgree();
std::unique_ptr<Invariant> NewFleetComplete();
std::unique_ptr<Invariant> NewNothingLeftBehind();
std::unique_ptr<Invariant> NewServicesHold();

}  // namespace muster::simulation
