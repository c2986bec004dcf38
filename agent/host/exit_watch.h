#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace muster::agent {

// Tells when processes of containers end, so that nobody has to ask all the time.
//
// Loop thread only; callbacks come there too.
class ExitWatch {
 public:
  enum class Answer {
    kWatched,      // The callback comes, once, soon after the process has ended.
    kEnded,        // It has ended already.
    kUnwatchable,  // It is not a process that can be seen from here.
  };

  virtual ~ExitWatch() = default;

  // `pid` is the first process of the container or sandbox `id`, as the runtime counts; 0 when it
  // does not tell. What was watched under that id before is forgotten.
  virtual Answer Watch(const std::string& id, int64_t pid, std::function<void()> on_exit) = 0;
  // No callback comes any more. Nothing happens when it is not watched.
  virtual void Forget(const std::string& id) = 0;
};

}  // namespace muster::agent
