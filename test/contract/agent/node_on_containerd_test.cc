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
#include "agent/probe/net/net_prober.h"
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
    prober_ = std::make_unique<NetProber>();
    link = std::make_unique<FakeLink>(
        [inbox = inbox_](LinkEvent event) { inbox->Post(std::move(event)); });
    checkpoint_ = std::make_unique<FileCheckpoint>(root_ + "/checkpoint");
    worker_ = std::make_unique<ThreadWorker>();
    NodeOptions options{.node_name = "node-a", .agent_version = "1"};
    options.log_root = root_ + "/pods-logs";
    options.cgroup_root = cgroup_root_;
    loop_ = std::make_unique<NodeLoop>(
        NodeLoop::Seams{clock_, *runtime_, *prober_, *link, *checkpoint_, host_, volumes_, logs_,
                        *worker_, inbox_},
        options, [](const TunnelRequest&, const absl::StatusOr<ContainerTarget>&) {});
    const absl::Status started = loop_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  // What a kill -9 leaves: the runtime's calls are cut off, nothing is said to anybody.
  void Kill() {
    loop_.reset();
    worker_.reset();
    prober_.reset();
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
  std::unique_ptr<NetProber> prober_;
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

// Spec: pod/10/cleanup, pod/12/log-paths, pod/23/adopt
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
  const auto has_said_hello = [this](const char* log) {
    std::ifstream file(node_.root() + "/pods-logs/default_web_u1/web/" + log);
    std::stringstream text;
    text << file.rdbuf();
    return text.str().find("hello from node-a") != std::string::npos;
  };
  ASSERT_TRUE(node_.RunUntil([&] { return has_said_hello("0.log"); }));
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
  ASSERT_TRUE(node_.RunUntil([&] { return has_said_hello("1.log"); })) << "it minds signals now";

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

TEST_F(NodeOnContainerd, ImagesAreFetchedAheadWhileThePodRunsOn) {
  node_.Welcome({SleepingPod()});
  ASSERT_TRUE(node_.RunUntil([this] { return node_.Ready(); }));
  const std::string container = node_.Web().container_id();
  const auto ask = [this](int attempt, const std::string& image) {
    v1::Object pod = SleepingPod();
    pod.mutable_pod()->mutable_metadata()->set_resource_version(std::to_string(attempt + 1));
    v1::PodPrePull& wanted = *pod.mutable_pod()->mutable_pre_pull();
    wanted.set_revision("next");
    wanted.set_attempt(attempt);
    wanted.add_images()->set_image(image);
    wanted.mutable_images(0)->set_image_pull_policy("IfNotPresent");
    node_.Assign({pod});
    EXPECT_TRUE(node_.RunUntil([&] { return node_.Status().pre_pull().attempt() == attempt; },
                               seconds(60)));
    return node_.Status().pre_pull();
  };
  EXPECT_EQ(ask(1, "busybox").phase(), "Pulled");
  const v1::PodPrePullStatus nowhere = ask(2, "127.0.0.1:9/nowhere:1");
  EXPECT_EQ(nowhere.phase(), "Failed");
  EXPECT_NE(nowhere.message().find("connection refused"), std::string::npos) << nowhere.message();
  EXPECT_EQ(ask(3, "No Image").phase(), "Failed");
  EXPECT_EQ(node_.Web().container_id(), container);
  EXPECT_TRUE(node_.Ready());
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// What the container wrote, in order.
std::vector<std::string> LoggedWords(const std::string& path) {
  std::vector<std::string> words;
  std::stringstream lines(ReadText(path));
  for (std::string line; std::getline(lines, line);) {
    words.push_back(line.substr(line.rfind(' ') + 1));
  }
  return words;
}

// A sidecar that serves HTTP, and a container that is ready, and well, by files of its own.
v1::Object ProbedPod() {
  v1::Object object = SleepingPod();
  v1::PodSpec& spec = *object.mutable_pod()->mutable_spec();
  v1::Container& web = *spec.mutable_containers(0);
  web.clear_env();
  web.set_command(
      2, "echo main >/proc/1/fd/1; trap 'echo term; exit 7' TERM; while :; do sleep 0.05; done");
  const auto shell = [](v1::ExecAction& exec, const std::string& command) {
    exec.add_command("sh");
    exec.add_command("-c");
    exec.add_command(command);
  };
  shell(*web.mutable_readiness_probe()->mutable_exec(), "test -f /tmp/ready");
  web.mutable_readiness_probe()->set_period_seconds(1);
  shell(*web.mutable_liveness_probe()->mutable_exec(), "test ! -f /tmp/bad");
  web.mutable_liveness_probe()->set_period_seconds(1);
  web.mutable_liveness_probe()->set_failure_threshold(1);
  shell(*web.mutable_lifecycle()->mutable_post_start()->mutable_exec(), "echo post >/proc/1/fd/1");
  shell(*web.mutable_lifecycle()->mutable_pre_stop()->mutable_exec(), "echo pre >/proc/1/fd/1");

  v1::Container& proxy = *spec.add_init_containers();
  proxy.set_name("proxy");
  proxy.set_image("busybox");
  proxy.set_image_pull_policy("IfNotPresent");
  proxy.set_restart_policy("Always");
  proxy.add_command("sh");
  proxy.add_command("-c");
  proxy.add_command(
      "trap 'exit 0' TERM; mkdir -p /tmp/www; echo fine >/tmp/www/healthz; "
      "busybox httpd -p 127.0.0.1:8099 -h /tmp/www; while :; do sleep 0.05; done");
  v1::HTTPGetAction& get = *proxy.mutable_startup_probe()->mutable_http_get();
  get.set_host("127.0.0.1");
  get.mutable_port()->set_int_value(8099);
  get.set_path("/healthz");
  proxy.mutable_startup_probe()->set_period_seconds(1);
  proxy.mutable_startup_probe()->set_failure_threshold(20);
  v1::TCPSocketAction& tcp = *proxy.mutable_readiness_probe()->mutable_tcp_socket();
  tcp.set_host("127.0.0.1");
  tcp.mutable_port()->set_int_value(8099);
  return object;
}

// Spec 4.4, 8, 9, 10 on the runtime itself.
// Spec: pod/9/pre-stop
TEST_F(NodeOnContainerd, ProbesHooksAndSidecarsDoWhatTheySay) {
  const auto exec = [&](const std::string& command) {
    std::atomic<bool> done{false};
    const std::string id = node_.Web().container_id().substr(13);
    node_.runtime().ExecSync(id, {"sh", "-c", command}, seconds(5), [&](const auto& result) {
      EXPECT_TRUE(result.ok()) << result.status();
      done = true;
    });
    ASSERT_TRUE(node_.RunUntil([&] { return done.load(); }));
  };
  const std::string logs = node_.root() + "/pods-logs/default_web_u1/web/";
  node_.Welcome({ProbedPod()});
  ASSERT_TRUE(node_.RunUntil([this] { return node_.Web().state().has_running(); }))
      << node_.Status().ShortDebugString();
  EXPECT_TRUE(node_.Status().init_container_statuses(0).started());
  ASSERT_TRUE(node_.RunUntil([&] { return LoggedWords(logs + "0.log").size() == 2; }));
  EXPECT_FALSE(node_.Ready());
  exec("touch /tmp/ready");
  ASSERT_TRUE(node_.RunUntil([this] { return node_.Ready(); }));
  EXPECT_TRUE(node_.Status().init_container_statuses(0).ready());

  // The next agent says the same, though it asked nobody yet.
  const std::string before = node_.Status().SerializeAsString();
  node_.Kill();
  node_.Start();
  node_.Welcome({});
  ASSERT_TRUE(node_.RunUntil([this] { return node_.Web().state().has_running(); }));
  EXPECT_EQ(node_.Status().SerializeAsString(), before) << node_.Status().ShortDebugString();

  // Not alive: preStop, then the signal, then a new instance.
  exec("touch /tmp/bad");
  ASSERT_TRUE(node_.RunUntil([this] {
    return node_.Web().restart_count() == 1 && node_.Web().state().has_running();
  })) << node_.Status().ShortDebugString();
  EXPECT_EQ(node_.Web().last_state().terminated().exit_code(), 7);
  std::vector<std::string> words = LoggedWords(logs + "0.log");
  ASSERT_EQ(words.size(), 4u);
  EXPECT_EQ(words[2], "pre");
  EXPECT_EQ(words[3], "term");
  EXPECT_EQ(node_.Status().init_container_statuses(0).restart_count(), 0);

  v1::Object deleted = ProbedPod();
  deleted.mutable_pod()->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
  deleted.mutable_pod()->mutable_metadata()->set_resource_version("2");
  node_.Assign({deleted});
  ASSERT_TRUE(node_.RunUntil([this] {
    const PodReport* report = node_.link->LastReport("u1");
    return report != nullptr && report->gone;
  }));
  const v1::PodStatus last = node_.Status();
  const auto ended = [](const v1::ContainerStatus& status) {
    return status.state().terminated().finished_at().seconds();
  };
  EXPECT_EQ(last.init_container_statuses(0).state().terminated().exit_code(), 0);
  EXPECT_GE(ended(last.init_container_statuses(0)), ended(last.container_statuses(0)));
}

// A manifest may say so for hosts that have them, as those of network daemons do.
// Spec: pod/15/selinux, pod/15/apparmor
TEST_F(NodeOnContainerd, LabelsAndAnUnconfinedProfileHoldUpNobody) {
  v1::Object object = SleepingPod();
  v1::PodSpec& spec = *object.mutable_pod()->mutable_spec();
  spec.mutable_security_context()->mutable_se_linux_options()->set_level("s0");
  v1::SecurityContext& own = *spec.mutable_containers(0)->mutable_security_context();
  own.mutable_se_linux_options()->set_type("spc_t");
  own.mutable_se_linux_options()->set_level("s0");
  own.mutable_app_armor_profile()->set_type("Unconfined");
  node_.Welcome({object});
  ASSERT_TRUE(node_.RunUntil([this] { return node_.Ready(); }))
      << node_.Status().ShortDebugString();
}

// Spec: pod/26/out-of-memory, pod/11.4/file
TEST_F(NodeOnContainerd, WhoIsKilledForItsMemoryIsSaidToBeAndWhatItLeftCanBeSent) {
  v1::Object object = SleepingPod();
  v1::Container& container = *object.mutable_pod()->mutable_spec()->mutable_containers(0);
  // 64 MiB in a variable of the shell; the message is no UTF-8.
  container.set_command(2,
                        "printf '\\377\\376 left' >/dev/termination-log; "
                        "x=$(head -c 67108864 /dev/zero | tr '\\0' x); exit 3");
  container.set_termination_message_path("/dev/termination-log");
  container.set_termination_message_policy("File");
  (*container.mutable_resources()->mutable_limits())["memory"].set_text("16Mi");
  (*container.mutable_resources()->mutable_requests())["memory"].set_text("16Mi");
  node_.Welcome({object});
  ASSERT_TRUE(node_.RunUntil([this] { return node_.Web().last_state().has_terminated(); }))
      << node_.Status().ShortDebugString();
  const v1::ContainerStateTerminated end = node_.Web().last_state().terminated();
  EXPECT_EQ(end.exit_code(), 137);
  EXPECT_EQ(end.reason(), "OOMKilled");
  EXPECT_EQ(end.message(), "\uFFFD\uFFFD left");
  v1::PodStatus received;
  EXPECT_TRUE(received.ParseFromString(node_.Status().SerializeAsString()));
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
