// The node loop on a real containerd, a real disk and real threads; only the coordinator is the
// test. What the unit tests prove on fakes has to hold on the thing itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "agent/checkpoint/file_checkpoint.h"
#include "agent/host/linux_host.h"
#include "agent/loop/node_loop.h"
#include "agent/runtime/cri/cri_runtime.h"
#include "agent/volumes/linux_volume_host.h"
#include "test/contract/runtime/private_containerd.h"
#include "test/fakes/fake_link.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RealNode {
 public:
  explicit RealNode(const PrivateContainerd& containerd)
      : root_(containerd.directory() + "/node"),
        endpoint_("unix://" + containerd.socket()),
        cgroup_root_(containerd.cgroup_parent()) {
    Start();
  }
  ~RealNode() { Kill(); }

  void Start() {
    inbox_ = std::make_shared<NodeInbox>([this] {
      absl::MutexLock lock(&mutex_);
      woken_ = true;
    });
    runtime_ = std::make_unique<CriRuntime>(endpoint_);
    link = std::make_unique<FakeLink>(
        [inbox = inbox_](LinkEvent event) { inbox->Post(std::move(event)); });
    checkpoint_ = std::make_unique<FileCheckpoint>(root_ + "/checkpoint");
    worker_ = std::make_unique<ThreadWorker>();
    NodeOptions options{.node_name = "node-a", .agent_version = "1"};
    options.log_root = root_ + "/pods-logs";
    options.cgroup_root = cgroup_root_;
    loop_ = std::make_unique<NodeLoop>(
        NodeLoop::Seams{clock_, *runtime_, *link, *checkpoint_, host_, volumes_, logs_, *worker_,
                        inbox_},
        options, [](const TunnelRequest&, const absl::StatusOr<ContainerTarget>&) {});
    const absl::Status started = loop_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  // What a kill -9 leaves: the runtime's calls are cut off, nothing is said to anybody.
  void Kill() {
    loop_.reset();
    worker_.reset();
    runtime_.reset();
  }

  bool RunUntil(const std::function<bool()>& done, seconds limit = seconds(30)) {
    const MonoTime end = clock_.Mono() + limit;
    while (true) {
      const std::optional<MonoTime> wake = loop_->Step();
      if (done()) return true;
      if (clock_.Mono() >= end) return false;
      MonoTime until = end;
      if (wake && *wake < until) until = *wake;
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&woken_), absl::FromChrono(until - clock_.Mono()));
      woken_ = false;
    }
  }

  void Welcome(std::vector<v1::Object> objects) {
    ASSERT_TRUE(RunUntil([this] { return link->connected(); }));
    LinkWelcome welcome;
    welcome.node.mutable_metadata()->set_uid("node-uid-1");
    link->Deliver(welcome);
    Assign(std::move(objects));
  }
  void Assign(std::vector<v1::Object> objects) {
    link->Deliver(LinkAssignment{std::move(objects), {}, true, 1});
  }

  v1::PodStatus Status() const {
    const PodReport* report = link->LastReport("u1");
    return report == nullptr ? v1::PodStatus() : report->status;
  }
  v1::ContainerStatus Web() const {
    const v1::PodStatus status = Status();
    return status.container_statuses().empty() ? v1::ContainerStatus()
                                               : status.container_statuses(0);
  }
  bool Ready() const { return Status().phase() == "Running" && Web().ready(); }
  Runtime& runtime() { return *runtime_; }
  const std::string& root() const { return root_; }

  std::unique_ptr<FakeLink> link;

 private:
  const std::string root_, endpoint_, cgroup_root_;
  const SystemClock clock_;
  absl::Mutex mutex_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<NodeInbox> inbox_;
  LinuxHost host_{{}};
  LinuxVolumeHost volumes_{{.root = root_}};
  LinuxPodLogs logs_{root_ + "/links"};
  std::unique_ptr<CriRuntime> runtime_;
  std::unique_ptr<FileCheckpoint> checkpoint_;
  std::unique_ptr<ThreadWorker> worker_;
  std::unique_ptr<NodeLoop> loop_;
};

v1::Object SleepingPod() {
  v1::Object object;
  v1::Pod& pod = *object.mutable_pod();
  pod.mutable_metadata()->set_name("web");
  pod.mutable_metadata()->set_namespace_("default");
  pod.mutable_metadata()->set_uid("u1");
  pod.mutable_metadata()->set_resource_version("1");
  pod.mutable_spec()->set_restart_policy("Always");
  pod.mutable_spec()->set_host_network(true);
  pod.mutable_spec()->set_termination_grace_period_seconds(3);
  v1::Container& container = *pod.mutable_spec()->add_containers();
  container.set_name("web");
  container.set_image("busybox");
  container.set_image_pull_policy("IfNotPresent");
  container.add_command("sh");
  container.add_command("-c");
  container.add_command("trap 'exit 7' TERM; echo hello from $NODE; while :; do sleep 0.05; done");
  v1::EnvVar& variable = *container.add_env();
  variable.set_name("NODE");
  variable.mutable_value_from()->mutable_field_ref()->set_field_path("spec.nodeName");
  pod.mutable_spec()->set_node_name("node-a");
  return object;
}

class NodeOnContainerd : public testing::Test {
 protected:
  PrivateContainerd containerd_;
  RealNode node_{containerd_};
};

TEST_F(NodeOnContainerd, PodRunsSurvivesItsAgentIsRestartedAndGoes) {
  const auto begun = std::chrono::steady_clock::now();
  node_.Welcome({SleepingPod()});
  ASSERT_TRUE(node_.RunUntil([this] { return node_.Ready(); }))
      << node_.Status().ShortDebugString();
  std::printf("assignment to Running: %ld ms\n",
              static_cast<long>(
                  std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun)
                      .count()));
  const v1::PodStatus before = node_.Status();
  const std::string log = node_.root() + "/pods-logs/default_web_u1/web/0.log";
  ASSERT_TRUE(node_.RunUntil([&] {
    std::ifstream file(log);
    std::stringstream text;
    text << file.rdbuf();
    return text.str().find("hello from node-a") != std::string::npos;
  }));
  EXPECT_EQ(
      std::distance(fs::directory_iterator(node_.root() + "/links"), fs::directory_iterator()), 1);

  // A new agent adopts what it finds.
  for (int i = 0; i < 3; ++i) {
    node_.Kill();
    node_.Start();
    node_.Welcome({});
    ASSERT_TRUE(node_.RunUntil([this] { return node_.Ready(); }));
    EXPECT_EQ(node_.Status().SerializeAsString(), before.SerializeAsString())
        << node_.Status().ShortDebugString() << "\n"
        << before.ShortDebugString();
  }

  // What dies is started again.
  const std::string id = before.container_statuses(0).container_id().substr(13);
  node_.runtime().StopContainer(id, seconds(0), [](const absl::Status&) {});
  ASSERT_TRUE(node_.RunUntil([this] { return node_.Ready() && node_.Web().restart_count() == 1; }));
  EXPECT_EQ(node_.Web().last_state().terminated().exit_code(), 137);

  // And what is deleted leaves nothing.
  v1::Object deleted = SleepingPod();
  deleted.mutable_pod()->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
  deleted.mutable_pod()->mutable_metadata()->set_resource_version("2");
  node_.Assign({deleted});
  ASSERT_TRUE(node_.RunUntil([this] {
    const PodReport* report = node_.link->LastReport("u1");
    return report != nullptr && report->gone;
  }));
  EXPECT_EQ(node_.Web().state().terminated().exit_code(), 7) << node_.Web().ShortDebugString();
  EXPECT_FALSE(fs::exists(node_.root() + "/pods/u1"));
  EXPECT_FALSE(fs::exists(node_.root() + "/pods-logs/default_web_u1"));
  EXPECT_TRUE(fs::is_empty(node_.root() + "/links"));
  std::atomic<bool> listed{false};
  node_.runtime().ListSandboxes([&](auto sandboxes) {
    EXPECT_TRUE(sandboxes->empty());
    listed = true;
  });
  ASSERT_TRUE(node_.RunUntil([&] { return listed.load(); }));
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const absl::Status isolated = muster::agent::PrivateContainerd::Isolate(); !isolated.ok()) {
    std::fprintf(stderr, "SKIPPED, NOTHING WAS TESTED: %s\n", isolated.ToString().c_str());
    return 77;
  }
  return RUN_ALL_TESTS();
}
