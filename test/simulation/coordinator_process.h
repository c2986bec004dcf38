#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/controllers/service_loop.h"
#include "coordinator/session/agent_events.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/store/object_store.h"
#include "test/simulation/lifeline.h"
#include "test/simulation/network.h"
#include "test/simulation/process_store.h"
#include "test/simulation/stage.h"

namespace muster::simulation {

// One life of a coordinator: what coordinator/process composes, without its servers. Each part has
// its own way to the store, so that one can tell who wrote.
class CoordinatorProcess {
 public:
  struct Surroundings {
    Stage& stage;
    Network& network;
    ProcessStore::Surroundings store;
    std::chrono::milliseconds heartbeat_interval;
    Duration lost_after;
    // It died by its fuse. Called outside of its steps.
    std::function<void()> on_death;
  };

  CoordinatorProcess(const Surroundings& surroundings, int life_number);
  ~CoordinatorProcess();
  CoordinatorProcess(const CoordinatorProcess&) = delete;
  CoordinatorProcess& operator=(const CoordinatorProcess&) = delete;

  // When this fails the process ends, as the real one does.
  absl::Status Start();

  coordinator::AdminApi& api() { return *api_; }
  coordinator::ObjectStore& user_objects() { return user_objects_; }
  Lifeline& life() { return *life_; }
  // To be called after using api(), which is where it may have died.
  void CheckPulse();

 private:
  const Surroundings around_;
  const std::shared_ptr<Lifeline> life_ = std::make_shared<Lifeline>();
  std::shared_ptr<Dice> bits_;  // Of the process's random numbers.
  ProcessStore user_store_, controller_store_, service_store_, session_store_;
  coordinator::ObjectStore user_objects_, controller_objects_, service_objects_;
  std::unique_ptr<coordinator::AgentEvents> agent_events_;
  std::unique_ptr<Turner> session_turner_, controller_turner_, service_turner_;
  std::unique_ptr<coordinator::SessionHub> sessions_;
  std::unique_ptr<coordinator::ControllerLoop> controllers_;
  std::unique_ptr<coordinator::ServiceLoop> services_;
  std::unique_ptr<coordinator::AdminApi> api_;
};

}  // namespace muster::simulation
