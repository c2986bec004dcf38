#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/host/host.h"
#include "agent/loop/action_runner.h"
#include "agent/loop/pod_set.h"
#include "agent/translate/context.h"
#include "common/base/clock.h"

namespace muster::agent {

// Keeps the control groups above those of the pods at what their pods come to together: soon after
// that changed, and every minute, should somebody else have changed them. Loop thread only.
class ClassGroups {
 public:
  ClassGroups(const PodSet& pods, Host& host, ActionRunner& runner)
      : pods_(pods), host_(host), runner_(runner) {}

  // Returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now, const NodeContext& node);

 private:
  const PodSet& pods_;
  Host& host_;
  ActionRunner& runner_;
  uint64_t plans_seen_ = 0;
  MonoTime due_{};
  bool writing_ = false;
  std::map<std::string, LinuxResources> written_;
  std::string problem_;  // Said once.
};

}  // namespace muster::agent
