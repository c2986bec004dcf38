#pragma once

#include <functional>
#include <string>
#include <vector>

#include "test/simulation/ledger.h"
#include "test/simulation/network.h"
#include "test/simulation/process_store.h"
#include "test/simulation/remote_runtime.h"
#include "test/simulation/stage.h"

namespace muster::simulation {

// The places at which a bug can be planted: between production code and its seams, so that it looks
// as if the code behind them were wrong, while nothing of it is changed.
struct Soil {
  StoreSpoiler& store;
  NetworkSpoiler& network;
  RuntimeSpoiler& runtime;
  const Ledger& ledger;
  Stage& stage;
};

// A bug that the simulation has to find.
struct PlantedBug {
  std::string name;
  std::string what;  // It is, in one line.
  std::function<void(const Soil&)> plant;
};

const std::vector<PlantedBug>& PlantedBugs();
// null: there is none of that name.
const PlantedBug* FindPlantedBug(const std::string& name);

}  // namespace muster::simulation
