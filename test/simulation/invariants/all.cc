#include "test/simulation/invariants/invariant.h"

namespace muster::simulation {

std::vector<std::unique_ptr<Invariant>> AllInvariants() {
  std::vector<std::unique_ptr<Invariant>> all;
  all.push_back(NewOnePodPerNode());
  all.push_back(NewUnavailableBudget());
  all.push_back(NewDownByOurDoing());
  all.push_back(NewGuardedRollout());
  all.push_back(NewEligibleNodesOnly());
  all.push_back(NewOthersUntouched());
  all.push_back(NewNoNeedlessRestart());
  all.push_back(NewNumbersGrow());
  all.push_back(NewStatusAddsUp());
  all.push_back(NewIntentKept());
  all.push_back(NewCountersAgree());
  all.push_back(NewFleetComplete());
  all.push_back(NewNothingLeftBehind());
  all.push_back(NewServicesHold());
  return all;
}

}  // namespace muster::simulation
