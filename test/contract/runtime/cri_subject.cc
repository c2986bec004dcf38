// The contract over the real thing: CriRuntime and a containerd of its own, or the one that
// MUSTER_TEST_CRI_ENDPOINT names (which needs busybox loaded as docker.io/library/busybox:latest).

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/runtime/cri/cri_runtime.h"
#include "gtest/gtest.h"
#include "test/contract/runtime/private_containerd.h"
#include "test/contract/runtime/runtime_subject.h"

namespace muster::agent {
namespace {

const char* GivenEndpoint() { return std::getenv("MUSTER_TEST_CRI_ENDPOINT"); }

class CriSubject final : public RuntimeSubject {
 public:
  CriSubject() {
    if (GivenEndpoint() == nullptr) containerd_ = std::make_unique<PrivateContainerd>();
    runtime_ = std::make_unique<CriRuntime>(containerd_ ? "unix://" + containerd_->socket()
                                                        : GivenEndpoint());
  }

  Runtime& runtime() override { return *runtime_; }
  RuntimeEvents& events() override { return *runtime_; }
  MonoTime Now() const override { return std::chrono::steady_clock::now(); }
  bool RunUntil(const std::function<bool()>& done, std::chrono::seconds limit) override {
    const MonoTime end = Now() + limit;
    // Polled, since `done` may look at anything; the step is far below what tests measure.
    while (!done()) {
      if (Now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  std::string image() const override { return "busybox"; }
  std::string missing_image() const override {
    return absl::StrCat("localhost:", containerd_ ? containerd_->registry_port() : 5000,
                        "/missing:1");
  }
  std::vector<std::string> CommandFor(Behaviour behaviour) override {
    switch (behaviour) {
      case Behaviour::kRunsUntilStopped:
        return {"sleep", "100000"};
      case Behaviour::kIgnoresTerm:
        return {"sh", "-c", "trap '' TERM; sleep 100000"};
      case Behaviour::kExits7OnTerm:
        return {"sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done"};
      case Behaviour::kExits0:
        return {"true"};
      case Behaviour::kExits3:
        return {"sh", "-c", "exit 3"};
      case Behaviour::kMissingBinary:
        return {"/nope"};
    }
    return {};
  }
  std::vector<std::string> TalkingExec() override {
    return {"sh", "-c", "printf out; printf err >&2; exit 5"};
  }
  std::vector<std::string> EndlessExec() override { return {"sleep", "1000"}; }
  std::string log_directory() const override {
    return containerd_ ? containerd_->directory() + "/pods" : "/var/log/pods";
  }
  std::string cgroup_parent() const override {
    return containerd_ ? containerd_->cgroup_parent() : "/muster-contract";
  }
  bool has_pod_network() const override { return !containerd_ || containerd_->has_pod_network(); }

 private:
  std::unique_ptr<PrivateContainerd> containerd_;
  std::unique_ptr<CriRuntime> runtime_;
};

}  // namespace

std::unique_ptr<RuntimeSubject> MakeRuntimeSubject() { return std::make_unique<CriSubject>(); }

}  // namespace muster::agent

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (muster::agent::GivenEndpoint() == nullptr) {
    if (absl::Status isolated = muster::agent::PrivateContainerd::Isolate(); !isolated.ok()) {
      std::fprintf(stderr, "SKIPPED, NOTHING WAS TESTED: %s\n", isolated.ToString().c_str());
      return 77;
    }
  }
  return RUN_ALL_TESTS();
}
