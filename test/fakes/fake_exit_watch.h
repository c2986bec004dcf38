#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/host/exit_watch.h"

namespace muster::agent {

// Processes whose end a test decides. Single-threaded.
class FakeExitWatch final : public ExitWatch {
 public:
  Answer Watch(const std::string& id, int64_t pid, std::function<void()> on_exit) override {
    watched.erase(id);
    if (pid <= 0 || unwatchable.contains(id)) return Answer::kUnwatchable;
    if (ended.contains(id)) return Answer::kEnded;
    watched[id] = std::move(on_exit);
    return Answer::kWatched;
  }
  void Forget(const std::string& id) override { watched.erase(id); }

  // The process ends. False when nobody waits for it.
  bool End(const std::string& id) {
    const auto found = watched.find(id);
    if (found == watched.end()) return false;
    const std::function<void()> on_exit = std::move(found->second);
    watched.erase(found);
    on_exit();
    return true;
  }

  std::map<std::string, std::function<void()>> watched;
  std::set<std::string> unwatchable, ended;
};

}  // namespace muster::agent
