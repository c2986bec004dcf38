// What every implementation of Runtime keeps, run over the one that is linked in.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/contract/runtime/runtime_subject.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class RuntimeContract : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { subject_ = MakeRuntimeSubject().release(); }
  static void TearDownTestSuite() {
    delete subject_;
    subject_ = nullptr;
  }

  void SetUp() override {
    ASSERT_NE(subject_, nullptr);
    // A pod of its own for every test: nothing of another one is in the way.
    static int tests = 0;
    sandbox_.name = "pod";
    sandbox_.namespace_ = "contract";
    sandbox_.uid = absl::StrCat("uid-", ++tests);
    sandbox_.log_directory =
        absl::StrCat(subject_->log_directory(), "/contract_pod_", sandbox_.uid);
    sandbox_.cgroup_parent = subject_->cgroup_parent();
    sandbox_.labels = {{"io.kubernetes.pod.uid", sandbox_.uid}, {"app", "contract"}};
    sandbox_.annotations = {{"muster.dev/note", "kept"}};
    sandbox_.network = NamespaceMode::kNode;
    container_.name = "main";
    container_.image_name = subject_->image();
    container_.image_id = subject_->image();
    container_.labels = {{"io.kubernetes.container.name", "main"}};
    container_.annotations = {{"io.kubernetes.container.restartCount", "0"}};
    container_.log_path = "main/0.log";
    container_.network = NamespaceMode::kNode;
  }

  void TearDown() override {
    for (const std::string& id : sandboxes_) {
      EXPECT_TRUE(Wait(&Runtime::StopSandbox, id).ok());
      EXPECT_TRUE(Wait(&Runtime::RemoveSandbox, id).ok());
    }
  }

  static Runtime& runtime() { return subject_->runtime(); }

  // Makes the call and lets the world go on until its callback ran.
  template <typename T, typename Start>
  T Answer(Start start) {
    struct Slot {
      std::atomic<bool> done = false;
      std::optional<T> value;
    };
    auto slot = std::make_shared<Slot>();
    start([slot](T value) {
      EXPECT_FALSE(slot->done) << "a callback ran twice";
      slot->value.emplace(std::move(value));
      slot->done = true;
    });
    if (!subject_->RunUntil([slot] { return slot->done.load(); }, seconds(60))) {
      ADD_FAILURE() << "the call did not come back";
      return T(absl::DeadlineExceededError("the call did not come back"));
    }
    return *std::move(slot->value);
  }

  absl::Status Wait(void (Runtime::*call)(const std::string&, Runtime::DoneStatus),
                    const std::string& id) {
    return Answer<absl::Status>([&](auto done) { (runtime().*call)(id, done); });
  }
  template <typename T>
  absl::StatusOr<T> Get(void (Runtime::*call)(const std::string&, Runtime::Done<T>),
                        const std::string& id) {
    return Answer<absl::StatusOr<T>>([&](auto done) { (runtime().*call)(id, done); });
  }
  template <typename T>
  absl::StatusOr<T> Get(void (Runtime::*call)(Runtime::Done<T>)) {
    return Answer<absl::StatusOr<T>>([&](auto done) { (runtime().*call)(done); });
  }

  absl::StatusOr<std::string> RunSandbox(const SandboxConfig& config) {
    auto id =
        Answer<absl::StatusOr<std::string>>([&](auto done) { runtime().RunSandbox(config, done); });
    if (id.ok()) sandboxes_.insert(*id);
    return id;
  }
  absl::StatusOr<std::string> CreateContainer(const std::string& sandbox_id,
                                              const ContainerConfig& config,
                                              const SandboxConfig& sandbox) {
    return Answer<absl::StatusOr<std::string>>(
        [&](auto done) { runtime().CreateContainer(sandbox_id, config, sandbox, done); });
  }
  absl::Status StopContainer(const std::string& id, seconds grace) {
    return Answer<absl::Status>([&](auto done) { runtime().StopContainer(id, grace, done); });
  }
  absl::StatusOr<ExecResult> Exec(const std::string& id, const std::vector<std::string>& command,
                                  seconds timeout) {
    return Answer<absl::StatusOr<ExecResult>>(
        [&](auto done) { runtime().ExecSync(id, command, timeout, done); });
  }

  // The test's sandbox; made when first asked for.
  std::string Sandbox() {
    if (sandbox_id_.empty()) {
      auto id = RunSandbox(sandbox_);
      EXPECT_TRUE(id.ok()) << id.status();
      sandbox_id_ = id.value_or("");
    }
    return sandbox_id_;
  }
  std::string Created(Behaviour behaviour) {
    container_.command = subject_->CommandFor(behaviour);
    auto id = CreateContainer(Sandbox(), container_, sandbox_);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or("");
  }
  std::string Started(Behaviour behaviour) {
    const std::string id = Created(behaviour);
    const absl::Status started = Wait(&Runtime::StartContainer, id);
    EXPECT_TRUE(started.ok()) << started;
    return id;
  }
  ContainerStatus StatusOf(const std::string& id) {
    auto status = Get<ContainerStatus>(&Runtime::ContainerStatusOf, id);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.value_or(ContainerStatus{});
  }
  ContainerStatus AfterExit(const std::string& id) {
    ContainerStatus status;
    // The call inside lets the world go on by itself.
    const MonoTime begin = subject_->Now();
    do {
      status = StatusOf(id);
      if (status.state == ContainerState::kExited) return status;
      (void)subject_->RunUntil([] { return false; }, seconds(0));
    } while (subject_->Now() - begin < seconds(20));
    ADD_FAILURE() << "the container did not exit";
    return status;
  }

  static RuntimeSubject* subject_;
  SandboxConfig sandbox_;
  ContainerConfig container_;
  std::string sandbox_id_;
  std::set<std::string> sandboxes_;
};

RuntimeSubject* RuntimeContract::subject_ = nullptr;

TEST_F(RuntimeContract, TellsTheProcessOfWhatRunsOrNothing) {
  const std::string id = Started(Behaviour::kRunsUntilStopped);
  EXPECT_GT(StatusOf(id).pid, 1);
  const auto sandbox = Get<SandboxStatus>(&Runtime::SandboxStatusOf, Sandbox());
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  EXPECT_GT(sandbox->pid, 1);
  EXPECT_NE(sandbox->pid, StatusOf(id).pid);
  ASSERT_TRUE(StopContainer(id, seconds(0)).ok());
  EXPECT_EQ(AfterExit(id).pid, 0);
}

TEST_F(RuntimeContract, SaysWhatItIsAndThatItIsReady) {
  const auto info = Get<RuntimeInfo>(&Runtime::Info);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_THAT(info->name, Not(IsEmpty()));
  EXPECT_THAT(info->version, Not(IsEmpty()));
  EXPECT_TRUE(info->runtime_ready) << info->runtime_message;
  EXPECT_THAT(info->cgroup_driver, AnyOf("cgroupfs", "systemd"));
}

TEST_F(RuntimeContract, SandboxGoesFromReadyToNotReadyToGone) {
  const auto id = RunSandbox(sandbox_);
  ASSERT_TRUE(id.ok()) << id.status();
  auto status = Get<SandboxStatus>(&Runtime::SandboxStatusOf, *id);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->id, *id);
  EXPECT_EQ(status->name, "pod");
  EXPECT_EQ(status->namespace_, "contract");
  EXPECT_EQ(status->uid, sandbox_.uid);
  EXPECT_EQ(status->attempt, 0u);
  EXPECT_EQ(status->state, SandboxState::kReady);
  EXPECT_EQ(status->labels, sandbox_.labels);
  EXPECT_EQ(status->annotations, sandbox_.annotations);
  EXPECT_GT(status->created_at, WallTime());

  ASSERT_TRUE(Wait(&Runtime::StopSandbox, *id).ok());
  status = Get<SandboxStatus>(&Runtime::SandboxStatusOf, *id);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->state, SandboxState::kNotReady);

  ASSERT_TRUE(Wait(&Runtime::RemoveSandbox, *id).ok());
  EXPECT_TRUE(absl::IsNotFound(Get<SandboxStatus>(&Runtime::SandboxStatusOf, *id).status()));
}

// Spec: pod/26/host-network-status
TEST_F(RuntimeContract, SandboxOnTheNodesNetworkHasNoAddressOfItsOwn) {
  const auto status = Get<SandboxStatus>(&Runtime::SandboxStatusOf, Sandbox());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_THAT(status->ips, IsEmpty());
  EXPECT_EQ(status->network, NamespaceMode::kNode);
}

TEST_F(RuntimeContract, SandboxOnThePodNetworkHasAnAddress) {
  if (!subject_->has_pod_network()) GTEST_SKIP() << "no CNI plug-ins on this machine";
  sandbox_.network = NamespaceMode::kPod;
  sandbox_.hostname = "pod";
  const auto status = Get<SandboxStatus>(&Runtime::SandboxStatusOf, Sandbox());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_THAT(status->ips, SizeIs(1));
  EXPECT_EQ(status->network, NamespaceMode::kPod);
}

// Spec: pod/26/host-network-name
TEST_F(RuntimeContract, HostnameOnTheNodesNetworkIsRefused) {
  sandbox_.hostname = "pod";
  const auto id = RunSandbox(sandbox_);
  EXPECT_TRUE(absl::IsUnknown(id.status())) << id.status();
  EXPECT_THAT(std::string(id.status().message()), HasSubstr("unable to set hostname"));
}

TEST_F(RuntimeContract, ListingTellsOfEverySandboxAndItsState) {
  const std::string first = Sandbox();
  SandboxConfig other = sandbox_;
  other.attempt = 1;
  const auto second = RunSandbox(other);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_TRUE(Wait(&Runtime::StopSandbox, first).ok());
  const auto all = Get<std::vector<SandboxStatus>>(&Runtime::ListSandboxes);
  ASSERT_TRUE(all.ok()) << all.status();
  const auto entry = [](const std::string& id, SandboxState state) {
    return ::testing::AllOf(Field(&SandboxStatus::id, id), Field(&SandboxStatus::state, state));
  };
  EXPECT_THAT(*all, Contains(entry(first, SandboxState::kNotReady)));
  EXPECT_THAT(*all, Contains(entry(*second, SandboxState::kReady)));
}

// Spec: pod/26/reserved
TEST_F(RuntimeContract, SandboxNameStaysReservedUntilItIsRemoved) {
  const std::string first = Sandbox();
  auto again = RunSandbox(sandbox_);
  EXPECT_TRUE(absl::IsUnknown(again.status())) << again.status();
  EXPECT_THAT(std::string(again.status().message()),
              HasSubstr(absl::StrCat("is reserved for \"", first, "\"")));
  ASSERT_TRUE(Wait(&Runtime::StopSandbox, first).ok());
  EXPECT_FALSE(RunSandbox(sandbox_).ok());
  ASSERT_TRUE(Wait(&Runtime::RemoveSandbox, first).ok());
  again = RunSandbox(sandbox_);
  EXPECT_TRUE(again.ok()) << again.status();
}

// Spec: pod/12/names, pod/26/reserved
TEST_F(RuntimeContract, ContainerNameIsReservedOverAllSandboxesOfThePod) {
  const std::string first = Created(Behaviour::kRunsUntilStopped);
  SandboxConfig next = sandbox_;
  next.attempt = 1;
  const auto second_sandbox = RunSandbox(next);
  ASSERT_TRUE(second_sandbox.ok()) << second_sandbox.status();
  const auto clash = CreateContainer(*second_sandbox, container_, next);
  EXPECT_THAT(std::string(clash.status().message()),
              HasSubstr(absl::StrCat("is reserved for \"", first, "\"")));
  container_.attempt = 1;
  const auto second = CreateContainer(*second_sandbox, container_, next);
  EXPECT_TRUE(second.ok()) << second.status();
}

TEST_F(RuntimeContract, ContainerGoesFromCreatedToRunningToExited) {
  const std::string id = Created(Behaviour::kExits7OnTerm);
  ContainerStatus status = StatusOf(id);
  EXPECT_EQ(status.state, ContainerState::kCreated);
  EXPECT_EQ(status.started_at, WallTime());
  EXPECT_EQ(status.sandbox_id, "");
  EXPECT_EQ(status.name, "main");
  EXPECT_EQ(status.labels, container_.labels);
  EXPECT_EQ(status.annotations, container_.annotations);
  EXPECT_EQ(status.log_path, sandbox_.log_directory + "/main/0.log");
  EXPECT_THAT(status.image_name, HasSubstr("busybox"));

  ASSERT_TRUE(Wait(&Runtime::StartContainer, id).ok());
  status = StatusOf(id);
  EXPECT_EQ(status.state, ContainerState::kRunning);
  EXPECT_GE(status.started_at, status.created_at);
  EXPECT_EQ(status.finished_at, WallTime());

  ASSERT_TRUE(StopContainer(id, seconds(10)).ok());
  status = StatusOf(id);
  EXPECT_EQ(status.state, ContainerState::kExited);
  EXPECT_GE(status.finished_at, status.started_at);

  ASSERT_TRUE(Wait(&Runtime::RemoveContainer, id).ok());
  EXPECT_TRUE(absl::IsNotFound(Get<ContainerStatus>(&Runtime::ContainerStatusOf, id).status()));
}

TEST_F(RuntimeContract, ContainerListingTellsSandboxStateAndLabels) {
  const std::string id = Started(Behaviour::kRunsUntilStopped);
  const auto all = Get<std::vector<ContainerStatus>>(&Runtime::ListContainers);
  ASSERT_TRUE(all.ok()) << all.status();
  const auto it = std::find_if(all->begin(), all->end(),
                               [&](const ContainerStatus& status) { return status.id == id; });
  ASSERT_NE(it, all->end());
  EXPECT_EQ(it->sandbox_id, Sandbox());
  EXPECT_EQ(it->state, ContainerState::kRunning);
  EXPECT_EQ(it->name, "main");
  EXPECT_EQ(it->labels, container_.labels);
  EXPECT_EQ(it->annotations, container_.annotations);
}

// Spec: pod/26/exit-reasons
TEST_F(RuntimeContract, ExitWithZeroIsCompleted) {
  const ContainerStatus status = AfterExit(Started(Behaviour::kExits0));
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_EQ(status.reason, "Completed");
}

// Spec: pod/26/exit-reasons
TEST_F(RuntimeContract, ExitWithAnotherCodeIsAnError) {
  const ContainerStatus status = AfterExit(Started(Behaviour::kExits3));
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_EQ(status.reason, "Error");
}

// Spec: pod/26/missing-binary
TEST_F(RuntimeContract, MissingBinaryLeavesAnExitedContainerWithCode128) {
  const std::string id = Created(Behaviour::kMissingBinary);
  const absl::Status started = Wait(&Runtime::StartContainer, id);
  EXPECT_TRUE(absl::IsUnknown(started)) << started;
  EXPECT_THAT(std::string(started.message()), HasSubstr("no such file or directory"));
  const ContainerStatus status = StatusOf(id);
  EXPECT_EQ(status.state, ContainerState::kExited);
  EXPECT_EQ(status.exit_code, 128);
  EXPECT_EQ(status.reason, "StartError");
  EXPECT_EQ(status.started_at, WallTime());
}

// Spec: pod/26/start-twice
TEST_F(RuntimeContract, ContainerStartsOnlyOnce) {
  const std::string id = Started(Behaviour::kRunsUntilStopped);
  const absl::Status again = Wait(&Runtime::StartContainer, id);
  EXPECT_THAT(std::string(again.message()), HasSubstr("CONTAINER_RUNNING"));
  ASSERT_TRUE(StopContainer(id, seconds(0)).ok());
  const absl::Status after = Wait(&Runtime::StartContainer, id);
  EXPECT_THAT(std::string(after.message()), HasSubstr("CONTAINER_EXITED"));
}

// Spec: pod/24/stop-timeout, pod/26/stop-times
TEST_F(RuntimeContract, StopKillsWhatIgnoresTheSignalAfterItsGrace) {
  const std::string id = Started(Behaviour::kIgnoresTerm);
  const MonoTime begin = subject_->Now();
  ASSERT_TRUE(StopContainer(id, seconds(2)).ok());
  EXPECT_GE(subject_->Now() - begin, std::chrono::milliseconds(1900));
  const ContainerStatus status = StatusOf(id);
  EXPECT_EQ(status.state, ContainerState::kExited);
  EXPECT_EQ(status.exit_code, 137);
}

// Spec: pod/26/stop-times
TEST_F(RuntimeContract, StopReturnsAsSoonAsTheProcessEnds) {
  const std::string id = Started(Behaviour::kExits7OnTerm);
  const MonoTime begin = subject_->Now();
  ASSERT_TRUE(StopContainer(id, seconds(50)).ok());
  EXPECT_LT(subject_->Now() - begin, seconds(25));
  EXPECT_EQ(StatusOf(id).exit_code, 7);
}

// Spec: pod/26/stop-times
TEST_F(RuntimeContract, StopWithoutGraceKillsAtOnce) {
  const std::string id = Started(Behaviour::kExits7OnTerm);
  ASSERT_TRUE(StopContainer(id, seconds(0)).ok());
  EXPECT_EQ(StatusOf(id).exit_code, 137);
}

// Spec: pod/26/two-stops
TEST_F(RuntimeContract, ShorterOfTwoStopsWins) {
  const std::string id = Started(Behaviour::kIgnoresTerm);
  auto first_done = std::make_shared<std::atomic<bool>>(false);
  runtime().StopContainer(id, seconds(50), [first_done](absl::Status) { *first_done = true; });
  ASSERT_TRUE(StopContainer(id, seconds(1)).ok());
  EXPECT_TRUE(subject_->RunUntil([&] { return first_done->load(); }, seconds(10)));
}

// Spec: pod/26/stop-of-what-is-over
TEST_F(RuntimeContract, StoppingWhatIsNotRunningIsFine) {
  const std::string created = Created(Behaviour::kExits0);
  EXPECT_TRUE(StopContainer(created, seconds(1)).ok());
  container_.attempt = 1;
  const std::string exited = Started(Behaviour::kExits0);
  (void)AfterExit(exited);
  EXPECT_TRUE(StopContainer(exited, seconds(1)).ok());
  EXPECT_TRUE(Wait(&Runtime::StopSandbox, Sandbox()).ok());
  EXPECT_TRUE(Wait(&Runtime::StopSandbox, Sandbox()).ok());
}

// Spec: pod/26/unknown-ids
TEST_F(RuntimeContract, StoppingAndRemovingWhatIsUnknownIsFine) {
  EXPECT_TRUE(StopContainer("0123456789abcdef", seconds(1)).ok());
  EXPECT_TRUE(Wait(&Runtime::RemoveContainer, "0123456789abcdef").ok());
  EXPECT_TRUE(Wait(&Runtime::StopSandbox, "0123456789abcdef").ok());
  EXPECT_TRUE(Wait(&Runtime::RemoveSandbox, "0123456789abcdef").ok());
  EXPECT_TRUE(Wait(&Runtime::RemoveImage, "example.test/not/there:1").ok());
}

// Spec: pod/26/removal-kills
TEST_F(RuntimeContract, RemovingARunningContainerKillsIt) {
  const std::string id = Started(Behaviour::kIgnoresTerm);
  EXPECT_TRUE(Wait(&Runtime::RemoveContainer, id).ok());
  EXPECT_TRUE(absl::IsNotFound(Get<ContainerStatus>(&Runtime::ContainerStatusOf, id).status()));
}

// Spec: pod/26/sandbox-stop-kills
TEST_F(RuntimeContract, StoppingASandboxKillsItsContainersWithoutGrace) {
  const std::string id = Started(Behaviour::kExits7OnTerm);
  ASSERT_TRUE(Wait(&Runtime::StopSandbox, Sandbox()).ok());
  const ContainerStatus status = StatusOf(id);
  EXPECT_EQ(status.state, ContainerState::kExited);
  EXPECT_EQ(status.exit_code, 137);
}

// Spec: pod/26/removal-kills
TEST_F(RuntimeContract, RemovingASandboxRemovesItsContainers) {
  const std::string id = Started(Behaviour::kIgnoresTerm);
  ASSERT_TRUE(Wait(&Runtime::RemoveSandbox, Sandbox()).ok());
  EXPECT_TRUE(absl::IsNotFound(Get<ContainerStatus>(&Runtime::ContainerStatusOf, id).status()));
}

// Spec: pod/26/dead-sandbox
TEST_F(RuntimeContract, ContainerInAStoppedSandboxIsRefused) {
  ASSERT_TRUE(Wait(&Runtime::StopSandbox, Sandbox()).ok());
  container_.command = subject_->CommandFor(Behaviour::kExits0);
  const auto id = CreateContainer(Sandbox(), container_, sandbox_);
  EXPECT_TRUE(absl::IsNotFound(id.status())) << id.status();
}

TEST_F(RuntimeContract, ContainerOfAMissingImageIsRefused) {
  container_.image_id = container_.image_name = "example.test/not/there:1";
  container_.command = subject_->CommandFor(Behaviour::kExits0);
  const auto id = CreateContainer(Sandbox(), container_, sandbox_);
  EXPECT_TRUE(absl::IsNotFound(id.status())) << id.status();
}

// Spec: pod/15/privileged, pod/26/privileged
TEST_F(RuntimeContract, PrivilegedContainerNeedsAPrivilegedSandbox) {
  container_.privileged = true;
  container_.command = subject_->CommandFor(Behaviour::kExits0);
  const auto id = CreateContainer(Sandbox(), container_, sandbox_);
  EXPECT_THAT(std::string(id.status().message()),
              HasSubstr("no privileged container allowed in sandbox"));
}

// Spec: pod/26/group-alone
TEST_F(RuntimeContract, GroupWithoutUserIsRefused) {
  container_.run_as_group = 3000;
  container_.command = subject_->CommandFor(Behaviour::kExits0);
  const auto id = CreateContainer(Sandbox(), container_, sandbox_);
  EXPECT_THAT(std::string(id.status().message()),
              HasSubstr("user group \"3000\" is specified without user"));
}

// Spec: pod/24/exec-sync
TEST_F(RuntimeContract, ExecGivesOutputAndExitCode) {
  const std::string id = Started(Behaviour::kRunsUntilStopped);
  const auto result = Exec(id, subject_->TalkingExec(), seconds(20));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->stdout_text, "out");
  EXPECT_EQ(result->stderr_text, "err");
  EXPECT_EQ(result->exit_code, 5);
}

// Spec: pod/24/exec-sync, pod/26/exec-timeout
TEST_F(RuntimeContract, ExecThatTakesTooLongIsADeadlineExceeded) {
  const std::string id = Started(Behaviour::kRunsUntilStopped);
  const MonoTime begin = subject_->Now();
  const auto result = Exec(id, subject_->EndlessExec(), seconds(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("timeout 1s exceeded"));
  EXPECT_GE(subject_->Now() - begin, std::chrono::milliseconds(900));
}

// Spec: pod/26/exec-not-running
TEST_F(RuntimeContract, ExecNeedsARunningContainer) {
  const std::string id = Started(Behaviour::kExits0);
  (void)AfterExit(id);
  const auto result = Exec(id, subject_->TalkingExec(), seconds(5));
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("container is in CONTAINER_EXITED state"));
  const auto url = Answer<absl::StatusOr<std::string>>(
      [&](auto done) { runtime().ExecUrl(id, subject_->TalkingExec(), false, false, done); });
  EXPECT_FALSE(url.ok());
}

TEST_F(RuntimeContract, ExecCanBeAttachedToAtAnAddress) {
  const std::string id = Started(Behaviour::kRunsUntilStopped);
  const auto url = Answer<absl::StatusOr<std::string>>(
      [&](auto done) { runtime().ExecUrl(id, subject_->TalkingExec(), true, false, done); });
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_THAT(*url, StartsWith("http://127.0.0.1:"));
}

// Spec: pod/24/resize, pod/26/update-resources
TEST_F(RuntimeContract, ResourcesOfARunningContainerChange) {
  container_.resources.cpu_shares = 102;
  container_.resources.memory_limit_bytes = 32 << 20;
  const auto update = [&](const std::string& id) {
    LinuxResources more;
    more.cpu_shares = 204;
    more.memory_limit_bytes = 64 << 20;
    return Answer<absl::Status>([&](auto done) { runtime().UpdateContainer(id, more, done); });
  };
  const std::string id = Started(Behaviour::kRunsUntilStopped);
  const absl::Status updated = update(id);
  EXPECT_TRUE(updated.ok()) << updated;
  EXPECT_EQ(StatusOf(id).state, ContainerState::kRunning);
  ASSERT_TRUE(StopContainer(id, seconds(0)).ok());
  EXPECT_TRUE(update(id).ok()) << "there is nothing left to do";
  EXPECT_TRUE(absl::IsNotFound(update("none"))) << update("none");
}

TEST_F(RuntimeContract, OnlyARunningContainerCanBeAttachedTo) {
  const auto attach = [&](const std::string& id) {
    return Answer<absl::StatusOr<std::string>>(
        [&](auto done) { runtime().AttachUrl(id, true, false, done); });
  };
  const std::string running = Started(Behaviour::kRunsUntilStopped);
  const auto url = attach(running);
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_THAT(*url, StartsWith("http://127.0.0.1:"));
  ASSERT_TRUE(StopContainer(running, seconds(0)).ok());
  EXPECT_FALSE(attach(running).ok());
}

// Spec: pod/26/log-lines
TEST_F(RuntimeContract, LogIsReopenedOnlyForARunningContainer) {
  const std::string running = Started(Behaviour::kRunsUntilStopped);
  const absl::Status reopened = Wait(&Runtime::ReopenContainerLog, running);
  EXPECT_TRUE(reopened.ok()) << reopened;
  ASSERT_TRUE(StopContainer(running, seconds(0)).ok());
  const absl::Status refused = Wait(&Runtime::ReopenContainerLog, running);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("container is not running"));
}

// Spec: pod/7/present, pod/26/image-lookup
TEST_F(RuntimeContract, PresentImageIsFoundByItsShortNameAndItsId) {
  const auto image = Get<std::optional<ImageStatus>>(&Runtime::ImageStatusOf, subject_->image());
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_TRUE(image->has_value());
  EXPECT_THAT((*image)->id, StartsWith("sha256:"));
  EXPECT_THAT((*image)->tags, ElementsAre("docker.io/library/busybox:latest"));
  EXPECT_GT((*image)->size_bytes, 0u);
  for (const std::string& name :
       {std::string("busybox"), std::string("docker.io/library/busybox:latest"), (*image)->id}) {
    const auto same = Get<std::optional<ImageStatus>>(&Runtime::ImageStatusOf, name);
    ASSERT_TRUE(same.ok() && same->has_value()) << name;
    EXPECT_EQ((*same)->id, (*image)->id);
  }
  const auto all = Get<std::vector<ImageStatus>>(&Runtime::ListImages);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(*all, Contains(Field(&ImageStatus::id, (*image)->id)));
}

// Spec: pod/7/present, pod/26/image-lookup
TEST_F(RuntimeContract, AbsentImageIsAnAnswerAndNotAnError) {
  const auto image =
      Get<std::optional<ImageStatus>>(&Runtime::ImageStatusOf, "example.test/not/there:1");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_FALSE(image->has_value());
}

// Spec: pod/26/pull-missing
TEST_F(RuntimeContract, PullOfAnImageThatTheRegistryLacksIsNotFound) {
  const auto pulled = Answer<absl::StatusOr<std::string>>([&](auto done) {
    runtime().PullImage(subject_->missing_image(), std::nullopt, nullptr, done);
  });
  EXPECT_TRUE(absl::IsNotFound(pulled.status())) << pulled.status();
  EXPECT_THAT(std::string(pulled.status().message()),
              ::testing::AllOf(HasSubstr("failed to pull and unpack image"),
                               HasSubstr(subject_->missing_image()), HasSubstr("not found")));
}

TEST_F(RuntimeContract, EventsTellOfAContainerFromItsStartToItsEndOrThereAreNone) {
  struct Heard {
    std::mutex mutex;
    std::set<std::pair<RuntimeEvent::Kind, std::string>> events;
    std::optional<absl::Status> end;
  };
  // The stream outlives this test.
  const auto heard = std::make_shared<Heard>();
  subject_->events().WatchEvents(
      [heard](const RuntimeEvent& event) {
        const std::lock_guard lock(heard->mutex);
        EXPECT_FALSE(heard->end.has_value()) << "an event after the end";
        heard->events.emplace(event.kind, event.id);
      },
      [heard](absl::Status status) {
        const std::lock_guard lock(heard->mutex);
        EXPECT_FALSE(heard->end.has_value()) << "it ended twice";
        heard->end = std::move(status);
      });
  const std::string id = Started(Behaviour::kRunsUntilStopped);
  ASSERT_TRUE(StopContainer(id, seconds(0)).ok());
  const auto settled = [&] {
    const std::lock_guard lock(heard->mutex);
    return heard->end || (heard->events.contains({RuntimeEvent::Kind::kStarted, id}) &&
                          heard->events.contains({RuntimeEvent::Kind::kStopped, id}));
  };
  ASSERT_TRUE(subject_->RunUntil(settled, seconds(20)));
  const std::lock_guard lock(heard->mutex);
  const auto info = Get<RuntimeInfo>(&Runtime::Info);
  ASSERT_TRUE(info.ok()) << info.status();
  if (info->name == "containerd" && info->version.find("1.6.") != std::string::npos && heard->end) {
    EXPECT_TRUE(absl::IsUnimplemented(*heard->end)) << *heard->end;
  } else {
    EXPECT_EQ(heard->end, std::nullopt) << *heard->end;
  }
}

// Spec: pod/26/stats-of-exited
TEST_F(RuntimeContract, OnlyRunningContainersUseMemory) {
  const std::string running = Started(Behaviour::kRunsUntilStopped);
  const auto stats_of = [this](const std::string& id) {
    const auto all = Get<std::vector<ContainerStats>>(&Runtime::ListContainerStats);
    EXPECT_TRUE(all.ok()) << all.status();
    std::optional<ContainerStats> found;
    for (const ContainerStats& stats : all.value_or(std::vector<ContainerStats>())) {
      if (stats.id == id) found = stats;
    }
    return found;
  };
  const std::optional<ContainerStats> stats = stats_of(running);
  ASSERT_TRUE(stats.has_value());
  EXPECT_GT(stats->memory_working_set_bytes, 0u);
  EXPECT_GT(stats->cpu_usage_ns, 0u);
  ASSERT_TRUE(StopContainer(running, seconds(0)).ok());
  // It may still be in the list, for its files.
  const std::optional<ContainerStats> stopped = stats_of(running);
  EXPECT_TRUE(!stopped || stopped->memory_working_set_bytes == 0);
}

TEST_F(RuntimeContract, FilesystemOfImagesHasAPlace) {
  const auto filesystems = Get<std::vector<ImageFilesystem>>(&Runtime::ImageFilesystems);
  ASSERT_TRUE(filesystems.ok()) << filesystems.status();
  ASSERT_THAT(*filesystems, SizeIs(1));
  EXPECT_THAT(filesystems->front().mountpoint, StartsWith("/"));
}

// Spec: pod/26/remove-image
TEST_F(RuntimeContract, RemovingAnImageThatIsNotThereSucceeds) {
  EXPECT_TRUE(Wait(&Runtime::RemoveImage, "example.test/not/there:1").ok());
}

}  // namespace
}  // namespace muster::agent
