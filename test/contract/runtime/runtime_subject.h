#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/runtime/runtime.h"
#include "agent/runtime/runtime_events.h"
#include "common/base/clock.h"

namespace muster::agent {

// What the main process of a test's container does.
enum class Behaviour {
  kRunsUntilStopped,  // Ignores nothing and handles nothing on purpose; ends by SIGKILL at latest.
  kIgnoresTerm,
  kExits7OnTerm,
  kExits0,
  kExits3,
  kMissingBinary,
};

// One implementation of Runtime with the world around it, for the contract's tests.
class RuntimeSubject {
 public:
  virtual ~RuntimeSubject() = default;

  virtual Runtime& runtime() = 0;
  virtual RuntimeEvents& events() = 0;
  // Lets the world go on until `done`. False when it is not within `limit` of Now()'s time.
  virtual bool RunUntil(const std::function<bool()>& done, std::chrono::seconds limit) = 0;
  virtual MonoTime Now() const = 0;

  // An image that is there, by the name its users know.
  virtual std::string image() const = 0;
  // A name whose registry answers that it has no such image.
  virtual std::string missing_image() const = 0;
  virtual std::vector<std::string> CommandFor(Behaviour behaviour) = 0;
  // A command for ExecSync that writes "out" to stdout, "err" to stderr and exits with 5.
  virtual std::vector<std::string> TalkingExec() = 0;
  // One that takes longer than any test waits.
  virtual std::vector<std::string> EndlessExec() = 0;
  virtual std::string log_directory() const = 0;
  virtual std::string cgroup_parent() const = 0;
  virtual bool has_pod_network() const = 0;
};

// The implementation that the test program was linked with.
std::unique_ptr<RuntimeSubject> MakeRuntimeSubject();

}  // namespace muster::agent
