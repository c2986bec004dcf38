#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/hygiene/log_rotation.h"
#include "agent/loop/mailbox.h"
#include "agent/loop/pod_logs.h"
#include "agent/loop/runtime_view.h"
#include "agent/loop/worker.h"
#include "agent/runtime/runtime.h"
#include "common/base/clock.h"

namespace muster::agent {

// Keeps the logs of running containers at their size: looks at them every `period`, renames those
// that are too long and has the runtime open them anew (kubelet's container log manager).
//
// A log without a file gets one: an agent that was killed between the two steps leaves its
// successor exactly that. A log that cannot be opened anew gets its name back, so that nothing is
// lost. Nothing is looked at while nothing runs. Loop thread only; files are handled on the worker.
class LogKeeper {
 public:
  struct Options {
    LogLimits limits;
    Duration period{std::chrono::seconds(10)};
  };

  LogKeeper(const Clock& clock, Runtime& runtime, PodLogs& logs, Worker& worker,
            std::shared_ptr<NodeInbox> inbox, Options options);
  ~LogKeeper();
  LogKeeper(const LogKeeper&) = delete;
  LogKeeper& operator=(const LogKeeper&) = delete;

  // Returns when it has to be called again. It comes a little early when it is called anyway, so
  // that the agent wakes up once for several things.
  std::optional<MonoTime> Step(MonoTime now, const RuntimeView& view);

 private:
  struct Target {
    std::string container_id, log_path;
  };
  struct Finding {
    Target target;
    absl::StatusOr<int64_t> size;
  };

  void Look(std::vector<Target> targets);
  void OnSizes(const std::vector<Finding>& findings);
  void Rotate(const Target& target);
  // `rotated` is empty when the log was missing.
  void Reopen(const Target& target, const std::string& rotated);
  // Says each problem once, and when it is over nothing.
  void Tell(const Target& target, const absl::Status& status);
  void Post(std::function<void()> task) const;

  const Clock& clock_;
  Runtime& runtime_;
  PodLogs& logs_;
  Worker& worker_;
  const std::shared_ptr<NodeInbox> inbox_;
  const Options options_;
  std::optional<MonoTime> due_;
  bool looking_ = false;
  std::set<std::string> busy_;               // Ids of containers whose logs are being rotated.
  std::map<std::string, std::string> told_;  // By container id.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
