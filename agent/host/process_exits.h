#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/host/exit_watch.h"
#include "common/daemon/event_loop.h"

namespace muster::agent {

// Exits by pidfd on this host. A process counts as the container's only when its control group
// carries the container's id: the runtime may count in another pid namespace, or the number may
// have been given to somebody else meanwhile.
class ProcessExits final : public ExitWatch {
 public:
  // `loop` outlives it.
  explicit ProcessExits(EventLoop& loop);
  ~ProcessExits() override;
  ProcessExits(const ProcessExits&) = delete;
  ProcessExits& operator=(const ProcessExits&) = delete;

  Answer Watch(const std::string& id, int64_t pid, std::function<void()> on_exit) override;
  void Forget(const std::string& id) override;

 private:
  struct Process;

  EventLoop& loop_;
  std::map<std::string, std::unique_ptr<Process>> processes_;
};

}  // namespace muster::agent
