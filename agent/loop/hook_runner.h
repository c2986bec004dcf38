#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/loop/mailbox.h"
#include "agent/probe/prober.h"
#include "agent/runtime/runtime.h"
#include "common/base/clock.h"
#include "muster/v1/container.pb.h"

namespace muster::agent {

// Runs the handler of a lifecycle hook. Loop thread only; `done` is called there, once, never
// before Run returns.
class HookRunner {
 public:
  using Done = std::function<void(absl::Status)>;

  HookRunner(const Clock& clock, Runtime& runtime, Prober& prober,
             std::shared_ptr<NodeInbox> inbox);
  ~HookRunner();
  HookRunner(const HookRunner&) = delete;
  HookRunner& operator=(const HookRunner&) = delete;

  // In `container_id`, whose specification is `container`; without `limit` a command may take as
  // long as it wants.
  void Run(const v1::LifecycleHandler& hook, const v1::Container& container,
           const std::string& container_id, const std::string& pod_ip,
           std::optional<Duration> limit, Done done);

  // Ends the sleeps that are over; returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now);

 private:
  struct Sleep {
    MonoTime until;
    Done done;
  };

  void Post(Done done, absl::Status status) const;

  const Clock& clock_;
  Runtime& runtime_;
  Prober& prober_;
  const std::shared_ptr<NodeInbox> inbox_;
  std::vector<Sleep> sleeps_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
