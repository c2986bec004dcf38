#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "coordinator/controllers/commit_batch.h"
#include "coordinator/controllers/followed_store.h"
#include "coordinator/services/allocation.h"
#include "coordinator/services/endpoint_facts.h"
#include "coordinator/store/object_store.h"

namespace muster::coordinator {

// The controller of Services: keeps the EndpointSlices and Endpoints of each one true, and gives an
// address to Services that came without one (from a store of before there were any).
//
// A shell like ControllerLoop, on a copy of its own, which holds of pods only what Services select:
// coordinator/services decides. Writes what it decided in one transaction for all Services that are
// due; each is written at most once in an interval, so that a rollout over a thousand nodes does
// not write a slice a thousand times.
//
// Step belongs to the loop thread.
class ServiceLoop {
 public:
  struct Options {
    ServiceRanges ranges;
    Duration write_interval = std::chrono::milliseconds(100);
    // How long the watch may take to show what was written.
    Duration watch_patience = std::chrono::seconds(5);
  };

  // `wake` is called on any thread when Step should be called soon.
  ServiceLoop(ObjectStore& objects, const Clock& clock, Options options, std::function<void()> wake,
              RandomBits random = &SystemRandomBits);

  // Does what is due. Returns when to call it again at the latest. Failures are logged and tried
  // again.
  std::optional<MonoTime> Step();

 private:
  // A Service, and what is there under its name; it may be there without it for a while.
  struct State {
    std::optional<v1::Object> service;
    std::map<std::string, EndpointFacts> pods;  // Selected ones, by name.
    std::map<std::string, v1::Object> slices;   // Ours, by name.
    std::optional<v1::Object> endpoints;
    bool dirty = true;
    MonoTime not_before{};
  };

  absl::Status Resync();
  void Absorb(const v1::Object& object, bool gone);
  void AbsorbService(const v1::Object& object, bool gone);
  void AbsorbPod(const v1::Pod& pod, bool gone);
  void AbsorbSlice(const v1::Object& object, bool gone);
  void AbsorbEndpoints(const v1::Object& object, bool gone);
  absl::Status ReadPods(State& state);
  void SetPod(State& state, const v1::Pod& pod, bool gone);
  void Soil(const std::string& key, State& state);

  void Keep(MonoTime now);
  ObjectTransaction Decide(State& state);
  void KeepService(State& state, ObjectTransaction& transaction);
  void RemoveAll(const State& state, ObjectTransaction& transaction);
  std::vector<EndpointFacts> PlacesOf(const State& state) const;
  void WakeAt(MonoTime at);

  ObjectStore& objects_;
  const Clock& clock_;
  const Options options_;
  const RandomBits random_;
  FollowedStore followed_;

  std::map<std::string, State> services_;  // By namespace/name.
  std::set<std::string> dirty_;            // Of them.
  std::optional<MonoTime> wake_at_;
};

}  // namespace muster::coordinator
