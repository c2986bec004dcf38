#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/runtime/cri/cri_runtime.h"
#include "common/base/text_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/contract/runtime/private_containerd.h"

namespace muster::agent {

// Runs the world until `done`, which is asked every few milliseconds.
inline bool Eventually(const std::function<bool()>& done,
                       std::chrono::seconds limit = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// The answer of one call, which may come later.
template <typename T>
class Pending {
 public:
  std::function<void(T)> Callback() {
    return [state = state_](T value) {
      const std::lock_guard lock(state->mutex);
      state->value.emplace(std::move(value));
      state->ready.notify_one();
    };
  }
  bool done() const {
    const std::lock_guard lock(state_->mutex);
    return state_->value.has_value();
  }
  T Get() {
    std::unique_lock lock(state_->mutex);
    state_->ready.wait(lock, [this] { return state_->value.has_value(); });
    return *std::move(state_->value);
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<T> value;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

template <typename T, typename Start>
T Await(Start start) {
  Pending<T> pending;
  start(pending.Callback());
  return pending.Get();
}

// A pod of its own for every test, through CriRuntime on a containerd that all of them share.
// Tests that take containerd away, or need another one, have their own: Use.
class OnContainerd : public ::testing::Test {
 protected:
  static PrivateContainerd& Shared() {
    static PrivateContainerd containerd;
    return containerd;
  }

  void SetUp() override { Use(Shared()); }
  void TearDown() override {
    for (const std::string& id : sandboxes_) {
      const absl::Status stopped = Do(&Runtime::StopSandbox, id);
      EXPECT_TRUE(stopped.ok()) << stopped;
      const absl::Status removed = Do(&Runtime::RemoveSandbox, id);
      EXPECT_TRUE(removed.ok()) << removed;
    }
  }

  void Use(PrivateContainerd& containerd) {
    containerd_ = &containerd;
    runtime_ = std::make_unique<CriRuntime>(containerd.socket());
    static int tests = 0;
    sandbox_ = SandboxConfig();
    sandbox_.name = "pod";
    sandbox_.namespace_ = "contract";
    sandbox_.uid = absl::StrCat("uid-", ++tests);
    sandbox_.log_directory = absl::StrCat(containerd.directory(), "/pods/", sandbox_.uid);
    sandbox_.cgroup_parent = containerd.cgroup_parent();
    sandbox_.network = NamespaceMode::kNode;
    container_ = ContainerConfig();
    container_.name = "main";
    container_.image_id = container_.image_name = "busybox";
    container_.log_path = "main/0.log";
    container_.network = NamespaceMode::kNode;
  }
  // For the network of pods; false when this machine cannot have it.
  bool UsePodNetwork() {
    sandbox_.network = container_.network = NamespaceMode::kPod;
    return containerd_->has_pod_network();
  }

  Runtime& runtime() { return *runtime_; }
  PrivateContainerd& containerd() { return *containerd_; }

  absl::Status Do(void (Runtime::*call)(const std::string&, Runtime::DoneStatus),
                  const std::string& id) {
    return Await<absl::Status>([&](auto done) { (runtime().*call)(id, done); });
  }
  absl::StatusOr<std::string> RunSandbox(const SandboxConfig& config) {
    auto id =
        Await<absl::StatusOr<std::string>>([&](auto done) { runtime().RunSandbox(config, done); });
    if (id.ok()) sandboxes_.insert(*id);
    return id;
  }
  std::string Sandbox() {
    if (sandbox_id_.empty()) {
      const auto id = RunSandbox(sandbox_);
      EXPECT_TRUE(id.ok()) << id.status();
      sandbox_id_ = id.value_or("");
    }
    return sandbox_id_;
  }
  absl::StatusOr<std::string> Create() {
    return Await<absl::StatusOr<std::string>>(
        [&](auto done) { runtime().CreateContainer(Sandbox(), container_, sandbox_, done); });
  }
  // Of the test's container as it is set up, running this script. Each has its own attempt.
  std::string Created(const std::string& script) {
    container_.command = {"sh", "-c", script};
    container_.log_path = absl::StrCat("main/", container_.attempt, ".log");
    const auto id = Create();
    EXPECT_TRUE(id.ok()) << id.status();
    ++container_.attempt;
    return id.value_or("");
  }
  std::string Started(const std::string& script) {
    const std::string id = Created(script);
    const absl::Status started = Do(&Runtime::StartContainer, id);
    EXPECT_TRUE(started.ok()) << started;
    return id;
  }
  // Does nothing until it is killed.
  std::string Idle() { return Started("exec sleep 100000"); }
  // Why a container as it is set up cannot be made or started; empty when it can.
  std::string Refusal() {
    if (container_.command.empty()) container_.command = {"sleep", "100000"};
    const auto id = Create();
    ++container_.attempt;
    if (!id.ok()) return std::string(id.status().message());
    return std::string(Do(&Runtime::StartContainer, *id).message());
  }
  absl::Status Stop(const std::string& id, int64_t grace) {
    return Await<absl::Status>(
        [&](auto done) { runtime().StopContainer(id, std::chrono::seconds(grace), done); });
  }
  absl::StatusOr<ExecResult> Exec(const std::string& id, const std::string& script,
                                  int64_t timeout = 20) {
    return Await<absl::StatusOr<ExecResult>>([&](auto done) {
      runtime().ExecSync(id, {"sh", "-c", script}, std::chrono::seconds(timeout), done);
    });
  }
  std::string Output(const std::string& id, const std::string& script) {
    const auto result = Exec(id, script);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->stdout_text : "";
  }
  ContainerStatus StatusOf(const std::string& id) {
    const auto status = Await<absl::StatusOr<ContainerStatus>>(
        [&](auto done) { runtime().ContainerStatusOf(id, done); });
    EXPECT_TRUE(status.ok()) << status.status();
    return status.value_or(ContainerStatus{});
  }
  ContainerStatus AfterExit(const std::string& id) {
    ContainerStatus status;
    EXPECT_TRUE(Eventually([&] {
      status = StatusOf(id);
      return status.state == ContainerState::kExited;
    }));
    return status;
  }
  SandboxStatus SandboxStatusOf(const std::string& id) {
    const auto status = Await<absl::StatusOr<SandboxStatus>>(
        [&](auto done) { runtime().SandboxStatusOf(id, done); });
    EXPECT_TRUE(status.ok()) << status.status();
    return status.value_or(SandboxStatus{});
  }
  bool BecomesNotReady(const std::string& sandbox_id) {
    return Eventually([&] { return SandboxStatusOf(sandbox_id).state == SandboxState::kNotReady; });
  }
  std::vector<SandboxStatus> Sandboxes() {
    const auto all = Await<absl::StatusOr<std::vector<SandboxStatus>>>(
        [&](auto done) { runtime().ListSandboxes(done); });
    EXPECT_TRUE(all.ok()) << all.status();
    return all.value_or(std::vector<SandboxStatus>());
  }
  // The id of the test's sandbox as listings have it, whoever was told; empty when it is not there.
  std::string ListedSandbox() {
    for (const SandboxStatus& status : Sandboxes()) {
      if (status.uid == sandbox_.uid && status.attempt == sandbox_.attempt) return status.id;
    }
    return "";
  }
  std::string Log(const std::string& name) const {
    return ReadFile(sandbox_.log_directory + "/main/" + name).value_or("");
  }
  // Its texts without times, one line for each: "stdout F text".
  std::vector<std::string> LogLines(const std::string& name) const {
    std::vector<std::string> lines;
    const std::string log = Log(name);
    for (size_t at = 0; at < log.size();) {
      const size_t end = log.find('\n', at);
      const std::string line = log.substr(at, end - at);
      lines.push_back(line.substr(line.find(' ') + 1));
      if (end == std::string::npos) break;
      at = end + 1;
    }
    return lines;
  }
  static bool cgroups_version_2() { return ReadFile("/sys/fs/cgroup/cgroup.controllers").ok(); }
  // Of a cgroup of the memory controller, whichever version.
  static std::string MemoryGroup(const std::string& path) {
    return (cgroups_version_2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory") + path;
  }

  SandboxConfig sandbox_;
  ContainerConfig container_;
  // Made but perhaps not told; TearDown removes them.
  std::set<std::string> sandboxes_;

 private:
  PrivateContainerd* containerd_ = nullptr;
  std::unique_ptr<CriRuntime> runtime_;
  std::string sandbox_id_;
};

}  // namespace muster::agent
