// What others do at idle: every second, all sandboxes and all containers of the runtime are listed
// and compared with those of the second before, through the interface that the agent uses itself.
//
//   relist_floor RUNTIME_ENDPOINT   prints its pid after the first round, stays until stdin closes.

#include <sys/select.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "agent/runtime/cri/cri_runtime.h"

namespace muster::agent {
namespace {

constexpr timeval kPeriod{.tv_sec = 1, .tv_usec = 0};

template <typename T, typename Call>
absl::StatusOr<T> Await(Call call) {
  std::promise<absl::StatusOr<T>> promise;
  call([&promise](absl::StatusOr<T> answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

// Id to state, as a poller keeps it.
using Seen = std::map<std::string, int>;

absl::StatusOr<Seen> Look(Runtime& runtime) {
  Seen seen;
  const auto sandboxes =
      Await<std::vector<SandboxStatus>>([&](auto done) { runtime.ListSandboxes(done); });
  if (!sandboxes.ok()) return sandboxes.status();
  for (const SandboxStatus& sandbox : *sandboxes) {
    seen[sandbox.id] = static_cast<int>(sandbox.state);
  }
  const auto containers =
      Await<std::vector<ContainerStatus>>([&](auto done) { runtime.ListContainers(done); });
  if (!containers.ok()) return containers.status();
  for (const ContainerStatus& container : *containers) {
    seen[container.id] = static_cast<int>(container.state);
  }
  return seen;
}

int Main(const std::string& endpoint) {
  CriRuntime runtime(endpoint);
  Seen before;
  bool told = false;
  while (true) {
    const absl::StatusOr<Seen> seen = Look(runtime);
    if (!seen.ok()) {
      std::fprintf(stderr, "error: %s\n", seen.status().ToString().c_str());
      return 1;
    }
    if (!told) std::printf("%d\n", ::getpid());
    if (told && *seen != before) std::fprintf(stderr, "something changed\n");
    std::fflush(stdout);
    told = true;
    before = *seen;
    fd_set in;
    FD_ZERO(&in);
    FD_SET(STDIN_FILENO, &in);
    timeval wait = kPeriod;
    // Readable: whoever measured us is done.
    if (::select(STDIN_FILENO + 1, &in, nullptr, nullptr, &wait) != 0) return 0;
  }
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s RUNTIME_ENDPOINT\n", argv[0]);
    return 64;
  }
  return muster::agent::Main(argv[1]);
}
