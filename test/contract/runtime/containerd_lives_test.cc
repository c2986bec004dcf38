// How containers and sandboxes of a real containerd live and end, also when it, their shims or the
// caller die meanwhile.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "test/contract/runtime/on_containerd.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ContainerdLives : public OnContainerd {
 protected:
  void KillInside(int64_t pid) {
    ASSERT_GT(pid, 1);
    ASSERT_EQ(containerd().RunInside(absl::StrCat("kill -9 ", pid)), 0);
  }
  // A child of the container takes too much; the container itself ends well, once it is told of.
  void ExpectKilledByName() {
    const std::string id = Started(
        "while [ ! -e /tmp/begin ]; do sleep 0.02; done; "
        "dd if=/dev/zero of=/dev/null bs=64M count=1; echo $?; "
        "while [ ! -e /tmp/end ]; do sleep 0.02; done");
    // The runtime does not hear of what happens while it still starts the container.
    ASSERT_TRUE(Exec(id, "touch /tmp/begin").ok());
    ASSERT_TRUE(Eventually([&] { return Said("0.log", "137") == 1; }));
    EXPECT_TRUE(Eventually([&] { return StatusOf(id).reason == "OOMKilled"; }));
    ASSERT_TRUE(Exec(id, "touch /tmp/end").ok());
    const ContainerStatus status = AfterExit(id);
    EXPECT_EQ(status.exit_code, 0);
    EXPECT_EQ(status.reason, "OOMKilled");
  }
  // How often the container's log has this line.
  int Said(const std::string& log, const std::string& text) {
    const std::vector<std::string> lines = LogLines(log);
    return std::count(lines.begin(), lines.end(), "stdout F " + text);
  }
};

// Spec: pod/26/exit-by-signal
TEST_F(ContainerdLives, CodesAreThoseOfTheProcessAndOfTheSignal) {
  ContainerStatus status = AfterExit(Started("exit 255"));
  EXPECT_EQ(status.exit_code, 255);
  EXPECT_EQ(status.reason, "Error");
  const std::string id = Idle();
  KillInside(StatusOf(id).pid);
  status = AfterExit(id);
  EXPECT_EQ(status.exit_code, 137);
  EXPECT_EQ(status.reason, "Error");
}

// Spec: pod/26/first-process
TEST_F(ContainerdLives, FirstProcessIgnoresWhatItDoesNotHandle) {
  const std::string id = Idle();
  ASSERT_TRUE(Exec(id, "kill -TERM 1; kill -9 1").ok());
  const auto begun = steady_clock::now();
  EXPECT_EQ(StatusOf(id).state, ContainerState::kRunning);
  ASSERT_TRUE(Stop(id, 1).ok());
  EXPECT_GE(steady_clock::now() - begun, milliseconds(900)) << "the whole grace is used";
  EXPECT_EQ(AfterExit(id).exit_code, 137);
}

// Spec: pod/26/out-of-memory-child
TEST_F(ContainerdLives, WhoSurvivesAChildThatTookTooMuchIsSaidToHaveBeenKilled) {
  container_.resources.memory_limit_bytes = 16 << 20;
  container_.resources.memory_swap_limit_bytes = 16 << 20;
  ExpectKilledByName();
}

// Spec: pod/26/out-of-memory-pod
TEST_F(ContainerdLives, LimitOfThePodsGroupKillsLikeTheContainersOwn) {
  sandbox_.cgroup_parent += "/limited";
  (void)Sandbox();
  const std::string file = cgroups_version_2() ? "/memory.max" : "/memory.limit_in_bytes";
  ASSERT_EQ(containerd().RunInside(
                absl::StrCat("echo 16777216 >", MemoryGroup(sandbox_.cgroup_parent), file)),
            0);
  ExpectKilledByName();
}

// Spec: pod/26/directory-as-command
TEST_F(ContainerdLives, DirectoryIsNoCommand) {
  container_.command = {"/tmp"};
  const auto id = Create();
  ASSERT_TRUE(id.ok()) << id.status();
  const absl::Status started = Do(&Runtime::StartContainer, *id);
  EXPECT_THAT(std::string(started.message()),
              AnyOf(HasSubstr("permission denied"), HasSubstr("is a directory")));
  const ContainerStatus status = StatusOf(*id);
  EXPECT_EQ(status.exit_code, 128);
  EXPECT_EQ(status.reason, "StartError");
  // Its message is the error of the call, which is how an agent that comes later knows it.
  EXPECT_EQ(status.message, std::string(started.message()));
}

// Spec: pod/26/stop-cut-short
TEST_F(ContainerdLives, StopOfAnAgentThatDiesKillsNobodyAndSignalsOnce) {
  const std::string id = Started("trap 'echo term' TERM; while :; do sleep 0.02; done");
  auto leaving = std::make_unique<CriRuntime>(containerd().socket());
  Pending<absl::Status> cut;
  leaving->StopContainer(id, seconds(30), cut.Callback());
  ASSERT_TRUE(Eventually([&] { return Said("0.log", "term") == 1; }));
  leaving.reset();
  EXPECT_TRUE(absl::IsCancelled(cut.Get()));
  EXPECT_EQ(StatusOf(id).state, ContainerState::kRunning);
  // The next agent's stop has its own grace, and the signal is not sent again.
  const auto begun = steady_clock::now();
  ASSERT_TRUE(Stop(id, 1).ok());
  EXPECT_GE(steady_clock::now() - begun, milliseconds(900));
  EXPECT_EQ(AfterExit(id).exit_code, 137);
  EXPECT_EQ(Said("0.log", "term"), 1);
}

// Spec: pod/26/pause-killed
TEST_F(ContainerdLives, SandboxWithoutItsFirstProcessIsNotReadyAndItsContainersRunOn) {
  ASSERT_TRUE(UsePodNetwork()) << "no CNI plug-ins on this machine";
  const std::string id = Idle();
  const SandboxStatus before = SandboxStatusOf(Sandbox());
  KillInside(before.pid);
  ASSERT_TRUE(BecomesNotReady(Sandbox()));
  EXPECT_EQ(StatusOf(id).state, ContainerState::kRunning);
  // So nobody may trust the address of a sandbox that is not ready.
  EXPECT_EQ(SandboxStatusOf(Sandbox()).ips, before.ips);
  const auto another = Create();
  EXPECT_TRUE(absl::IsNotFound(another.status())) << another.status();
}

// Spec: pod/26/pause-killed-shared
TEST_F(ContainerdLives, SharedProcessNamespaceEndsWithTheSandboxesFirstProcess) {
  sandbox_.pid = container_.pid = NamespaceMode::kPod;
  const std::string id = Idle();
  KillInside(SandboxStatusOf(Sandbox()).pid);
  EXPECT_TRUE(BecomesNotReady(Sandbox()));
  EXPECT_EQ(AfterExit(id).exit_code, 137);
}

// Spec: pod/26/shim-killed
TEST_F(ContainerdLives, WithoutTheirShimContainersAndSandboxAreOver) {
  const std::string id = Idle();
  const int64_t pause = SandboxStatusOf(Sandbox()).pid;
  ASSERT_EQ(containerd().RunInside(absl::StrCat("kill -9 $(sed -n 's/^PPid:[[:space:]]*//p' /proc/",
                                                pause, "/status)")),
            0);
  const ContainerStatus status = AfterExit(id);
  EXPECT_EQ(status.exit_code, 255);
  EXPECT_TRUE(BecomesNotReady(Sandbox()));
}

// Spec: pod/26/run-sandbox-cut-short
TEST_F(ContainerdLives, SandboxOfAnAgentThatDiesMeanwhileKeepsItsNameOnlyForAWhile) {
  ASSERT_TRUE(UsePodNetwork()) << "no CNI plug-ins on this machine";
  containerd().HoldNetwork();
  auto leaving = std::make_unique<CriRuntime>(containerd().socket());
  Pending<absl::StatusOr<std::string>> cut;
  leaving->RunSandbox(sandbox_, cut.Callback());
  containerd().AwaitHeldNetwork();
  leaving.reset();
  EXPECT_TRUE(absl::IsCancelled(cut.Get().status()));
  const auto at_once = RunSandbox(sandbox_);
  containerd().ReleaseNetwork();
  // The plug-in is killed with the call, so the name may be free again as fast as this.
  if (!at_once.ok()) {
    EXPECT_THAT(std::string(at_once.status().message()), HasSubstr("is reserved for \""));
    ASSERT_TRUE(Eventually([&] { return RunSandbox(sandbox_).ok(); }));
  }
  EXPECT_EQ(sandboxes_.size(), 1u);
}

class ContainerdAway : public ContainerdLives {
 protected:
  void SetUp() override { Use(own_); }
  void Return() {
    own_.Up();
    // It answers to some before it has read its state.
    ASSERT_TRUE(Eventually([&] {
      return Await<absl::StatusOr<std::vector<SandboxStatus>>>(
                 [&](auto done) { runtime().ListSandboxes(done); })
          .ok();
    }));
  }
  PrivateContainerd own_;
};

// Spec: pod/26/restart-starting, pod/26/restart-exit-meanwhile
TEST_F(ContainerdAway, WhoEndedMeanwhileHasItsOwnCodeAndTime) {
  const std::string flags = own_.directory() + "/flags";
  fs::create_directory(flags);
  container_.mounts = {{"/flags", flags, false, false, MountPropagation::kPrivate}};
  const std::string stays = Idle();
  const std::string created = Created("true");
  const std::string ends = Started("while [ ! -e /flags/end ]; do sleep 0.02; done; exit 9");
  const int64_t pid = StatusOf(ends).pid;
  const ContainerStatus before = StatusOf(stays);
  for (const int signal : {SIGTERM, SIGKILL}) {
    own_.Down(signal);
    const auto away = Await<absl::StatusOr<std::vector<SandboxStatus>>>(
        [&](auto done) { runtime().ListSandboxes(done); });
    EXPECT_TRUE(absl::IsUnavailable(away.status())) << away.status();
    if (signal == SIGTERM) {
      ASSERT_TRUE(WriteFileAtomically(flags + "/end", "", 0644).ok());
      ASSERT_EQ(own_.RunInside(absl::StrCat("while [ -e /proc/", pid, " ]; do sleep 0.01; done")),
                0);
    }
    const WallTime ended_before = std::chrono::system_clock::now();
    own_.Up();
    // From the first answer on there is either the whole truth or none: Unavailable, never an
    // error that speaks of a container.
    absl::StatusOr<ContainerStatus> first;
    ASSERT_TRUE(Eventually([&] {
      first = Await<absl::StatusOr<ContainerStatus>>(
          [&](auto done) { runtime().ContainerStatusOf(stays, done); });
      EXPECT_TRUE(first.ok() || absl::IsUnavailable(first.status())) << first.status();
      return first.ok();
    }));
    EXPECT_EQ(first->state, ContainerState::kRunning);
    EXPECT_EQ(first->pid, before.pid);
    EXPECT_EQ(StatusOf(created).state, ContainerState::kCreated);
    const ContainerStatus after = StatusOf(ends);
    EXPECT_EQ(after.state, ContainerState::kExited);
    EXPECT_EQ(after.exit_code, 9);
    EXPECT_LT(after.finished_at, ended_before);
    EXPECT_EQ(SandboxStatusOf(Sandbox()).state, SandboxState::kReady);
  }
}

// Spec: pod/26/restart-logs
TEST_F(ContainerdAway, LinesThatWereWrittenMeanwhileAreAllThere) {
  const std::string flags = own_.directory() + "/flags";
  fs::create_directory(flags);
  container_.mounts = {{"/flags", flags, false, false, MountPropagation::kPrivate}};
  // More than a pipe holds: it waits to be read.
  (void)Started(
      "echo before; while [ ! -e /flags/go ]; do sleep 0.02; done; echo early; touch /flags/said; "
      "seq 1 30000; echo after; exec sleep 1000");
  ASSERT_TRUE(Eventually([&] { return Said("0.log", "before") == 1; }));
  own_.Down(SIGKILL);
  ASSERT_TRUE(WriteFileAtomically(flags + "/go", "", 0644).ok());
  ASSERT_TRUE(Eventually([&] { return fs::exists(flags + "/said"); }));
  const WallTime up = std::chrono::system_clock::now();
  Return();
  ASSERT_TRUE(Eventually([&] { return Said("0.log", "after") == 1; }));
  std::vector<std::string> expected = {"stdout F before", "stdout F early"};
  for (int i = 1; i <= 30'000; ++i) expected.push_back(absl::StrCat("stdout F ", i));
  expected.push_back("stdout F after");
  EXPECT_TRUE(LogLines("0.log") == expected) << LogLines("0.log").size();
  // The time of a line is when it was read.
  const std::string log = Log("0.log");
  const size_t early = log.rfind('\n', log.find("stdout F early")) + 1;
  const std::time_t second = std::chrono::system_clock::to_time_t(up);
  char text[32];
  std::tm utc;
  ASSERT_NE(::gmtime_r(&second, &utc), nullptr);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  EXPECT_GE(log.substr(early, 19), std::string(text));
}

// Spec: pod/26/killed-during-run-sandbox
TEST_F(ContainerdAway, SandboxOfARuntimeThatDiesMeanwhileIsListedNotReadyAndCanBeRemoved) {
  ASSERT_TRUE(UsePodNetwork()) << "no CNI plug-ins on this machine";
  own_.HoldNetwork();
  Pending<absl::StatusOr<std::string>> cut;
  runtime().RunSandbox(sandbox_, cut.Callback());
  own_.AwaitHeldNetwork();
  own_.Down(SIGKILL);
  EXPECT_TRUE(absl::IsUnavailable(cut.Get().status()));
  own_.ReleaseNetwork();
  Return();
  const std::string left = ListedSandbox();
  ASSERT_NE(left, "");
  EXPECT_EQ(SandboxStatusOf(left).state, SandboxState::kNotReady);
  EXPECT_THAT(std::string(RunSandbox(sandbox_).status().message()), HasSubstr("is reserved for"));
  ASSERT_TRUE(Do(&Runtime::StopSandbox, left).ok());
  ASSERT_TRUE(Do(&Runtime::RemoveSandbox, left).ok());
  EXPECT_TRUE(RunSandbox(sandbox_).ok());
}

// Spec: pod/26/reboot
TEST_F(ContainerdAway, AfterABootWhatRanIsOverAndWhatWasOverIsAsItWas) {
  const std::string running = Idle();
  const std::string exited = Started("exit 3");
  (void)AfterExit(exited);
  const std::string created = Created("true");
  own_.Reboot();
  Return();
  ContainerStatus status = StatusOf(running);
  EXPECT_EQ(status.state, ContainerState::kExited);
  EXPECT_EQ(status.exit_code, 255);
  EXPECT_EQ(status.reason, "Unknown");
  EXPECT_EQ(StatusOf(exited).exit_code, 3);
  EXPECT_EQ(StatusOf(created).state, ContainerState::kCreated);
  EXPECT_EQ(SandboxStatusOf(Sandbox()).state, SandboxState::kNotReady);
}

// Spec: pod/26/log-directory, pod/26/log-cut
TEST_F(ContainerdLives, LogIsCutAtSixteenKiBAndWhatHasNoEndIsPartial) {
  EXPECT_FALSE(fs::exists(sandbox_.log_directory));
  (void)AfterExit(Started("head -c 20000 /dev/zero | tr '\\0' x; echo; printf 'a\\rb\\nrest'"));
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(Log("0.log"), "rest"); }));
  EXPECT_THAT(LogLines("0.log"),
              ElementsAre("stdout P " + std::string(16'384, 'x'),
                          "stdout F " + std::string(3'616, 'x'), "stdout F a\rb", "stdout P rest"));
  struct stat file;
  ASSERT_EQ(::stat((sandbox_.log_directory + "/main/0.log").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0640u);
}

// Spec: pod/26/log-terminal
TEST_F(ContainerdLives, TerminalHasOneStreamAndItsLineEndsAreOnes) {
  container_.tty = true;
  (void)AfterExit(Started("echo out; echo err >&2"));
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(Log("0.log"), "err"); }));
  EXPECT_THAT(LogLines("0.log"), ElementsAre("stdout F out", "stdout F err"));
}

// Spec: pod/26/log-reopen
TEST_F(ContainerdLives, RenamedLogIsWrittenOnUntilItIsReopened) {
  const std::string id = Started("i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done");
  const std::string directory = sandbox_.log_directory + "/main";
  const auto lines = [&](const std::string& name) { return LogLines(name).size(); };
  ASSERT_TRUE(Eventually([&] { return lines("0.log") > 3; }));
  fs::rename(directory + "/0.log", directory + "/old");
  const size_t then = lines("old");
  ASSERT_TRUE(Eventually([&] { return lines("old") > then + 3; }));
  EXPECT_FALSE(fs::exists(directory + "/0.log"));
  // What is there is added to.
  ASSERT_TRUE(WriteFileAtomically(directory + "/0.log", "time stdout F kept\n", 0640).ok());
  ASSERT_TRUE(Do(&Runtime::ReopenContainerLog, id).ok());
  ASSERT_TRUE(Eventually([&] { return lines("0.log") > 3; }));
  EXPECT_EQ(LogLines("0.log").front(), "stdout F kept");
  // And a directory that is gone comes back.
  fs::remove_all(directory);
  ASSERT_TRUE(Do(&Runtime::ReopenContainerLog, id).ok());
  EXPECT_TRUE(Eventually([&] { return lines("0.log") > 3; }));
}

// Spec: pod/26/exec-timeout-children
TEST_F(ContainerdLives, ExecThatIsCutOffLeavesItsChildren) {
  const std::string id = Idle();
  const auto result = Exec(
      id, "sleep 1000 >/dev/null 2>&1 & echo $! >/tmp/child; echo $$ >/tmp/own; exec sleep 1000",
      1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
  EXPECT_EQ(Output(id, "kill -0 $(cat /tmp/child) && echo there"), "there\n");
  EXPECT_TRUE(Eventually([&] {
    return Output(id, "grep -q '^State:.[^Z]' /proc/$(cat /tmp/own)/status || echo gone") ==
           "gone\n";
  }));
}

// Spec: pod/26/exec-held-output, pod/25/exec-drain
TEST_F(ContainerdLives, ExecWhoseChildKeepsTheOutputOpenLastsAsLongAsTheChild) {
  const std::string id = Idle();
  auto begun = steady_clock::now();
  const auto fine = Exec(id, "sleep 2 & echo said; exit 4", 20);
  ASSERT_TRUE(fine.ok()) << fine.status();
  EXPECT_EQ(fine->exit_code, 4);
  EXPECT_EQ(fine->stdout_text, "said\n");
  EXPECT_GE(steady_clock::now() - begun, milliseconds(1'800));
  begun = steady_clock::now();
  const auto late = Exec(id, "sleep 3 & exec sleep 1000", 1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  EXPECT_GE(steady_clock::now() - begun, milliseconds(2'800));
}

// Spec: pod/26/exec-much-output
TEST_F(ContainerdLives, ExecThatSaysTooMuchIsRefused) {
  const std::string id = Idle();
  const auto result = Exec(id, "head -c 17825792 /dev/zero");
  EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
  EXPECT_EQ(Output(id, "echo still there"), "still there\n");
}

// Spec: pod/26/exec-while-stopping
TEST_F(ContainerdLives, ExecWorksWhileTheContainerIsStoppedAndEndsWithIt) {
  const std::string id = Started("trap 'echo term' TERM; while :; do sleep 0.02; done");
  Pending<absl::Status> stopped;
  runtime().StopContainer(id, seconds(30), stopped.Callback());
  ASSERT_TRUE(Eventually([&] { return Said("0.log", "term") == 1; }));
  EXPECT_EQ(Output(id, "echo works"), "works\n");
  Pending<absl::StatusOr<ExecResult>> killed;
  runtime().ExecSync(id, {"sh", "-c", "touch /tmp/begun; sleep 1000"}, seconds(60),
                     killed.Callback());
  ASSERT_TRUE(Eventually([&] { return Output(id, "ls /tmp") == "begun\n"; }));
  ASSERT_TRUE(Stop(id, 0).ok());
  const auto result = killed.Get();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 137);
  EXPECT_TRUE(stopped.Get().ok());
}

// Spec: pod/26/cgroup-parent
TEST_F(ContainerdLives, GroupOfAContainerIsBelowThePodsWhichStays) {
  sandbox_.cgroup_parent += "/kept";
  const std::string id = Idle();
  const std::string group = MemoryGroup(sandbox_.cgroup_parent);
  EXPECT_TRUE(fs::is_directory(group + "/" + id));
  ASSERT_TRUE(Do(&Runtime::RemoveSandbox, Sandbox()).ok());
  EXPECT_FALSE(fs::exists(group + "/" + id));
  EXPECT_TRUE(fs::is_directory(group)) << "nobody removes it but the agent";
}

// Spec: pod/26/timing
TEST_F(ContainerdLives, LifeOfAPodIsFastAgainstTheDeadlinesOfItsCalls) {
  const auto begun = steady_clock::now();
  const std::string id = Started("while [ ! -e /tmp/end ]; do sleep 0.01; done");
  const auto up = steady_clock::now();
  ASSERT_TRUE(Exec(id, "touch /tmp/end").ok());
  (void)AfterExit(id);
  const auto ended = steady_clock::now();
  const auto ms = [](auto time) {
    return static_cast<long>(std::chrono::duration_cast<milliseconds>(time).count());
  };
  std::printf("sandbox, container, start: %ld ms; an end is seen after %ld ms\n", ms(up - begun),
              ms(ended - up));
  EXPECT_LT(up - begun, seconds(12)) << "a tenth of the shortest deadline";
  EXPECT_LT(ended - up, seconds(12));
}

}  // namespace
}  // namespace muster::agent
