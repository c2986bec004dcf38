// exec and logs as the agent serves them, in a container of a real containerd.

#include <cstdio>
#include <future>
#include <memory>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/cri/cri_runtime.h"
#include "agent/tunnel/exec_session.h"
#include "agent/tunnel/log_session.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/contract/runtime/private_containerd.h"
#include "test/unit/agent/tunnel/recording_peer.h"

namespace muster::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

template <typename T, typename Start>
T Await(Start start) {
  std::promise<T> promise;
  start([&](T value) { promise.set_value(std::move(value)); });
  return promise.get_future().get();
}

class ExecAndLogs : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    containerd_ = new PrivateContainerd;
    runtime_ = new CriRuntime(containerd_->socket());
    sandbox_.name = "pod";
    sandbox_.namespace_ = "contract";
    sandbox_.uid = "uid";
    sandbox_.log_directory = containerd_->directory() + "/pods/contract_pod_uid";
    sandbox_.cgroup_parent = containerd_->cgroup_parent();
    sandbox_.network = NamespaceMode::kNode;
    const auto id =
        Await<absl::StatusOr<std::string>>([](auto done) { runtime_->RunSandbox(sandbox_, done); });
    ASSERT_TRUE(id.ok()) << id.status();
    sandbox_id_ = *id;
    container_id_ = Start("main", "sleep 100000");
  }
  static void TearDownTestSuite() {
    (void)Await<absl::Status>([](auto done) { runtime_->StopSandbox(sandbox_id_, done); });
    (void)Await<absl::Status>([](auto done) { runtime_->RemoveSandbox(sandbox_id_, done); });
    delete runtime_;
    delete containerd_;
  }

  static std::string Start(const std::string& name, const std::string& script) {
    ContainerConfig config;
    config.name = name;
    config.image_id = config.image_name = "busybox";
    config.command = {"sh", "-c", script};
    config.log_path = name + "/0.log";
    config.network = NamespaceMode::kNode;
    const auto id = Await<absl::StatusOr<std::string>>(
        [&](auto done) { runtime_->CreateContainer(sandbox_id_, config, sandbox_, done); });
    EXPECT_TRUE(id.ok()) << id.status();
    const absl::Status started =
        Await<absl::Status>([&](auto done) { runtime_->StartContainer(*id, done); });
    EXPECT_TRUE(started.ok()) << started;
    return *id;
  }
  static ContainerStatus StatusOf(const std::string& id) {
    const auto status = Await<absl::StatusOr<ContainerStatus>>(
        [&](auto done) { runtime_->ContainerStatusOf(id, done); });
    EXPECT_TRUE(status.ok()) << status.status();
    return status.value_or(ContainerStatus{});
  }

  absl::StatusOr<int32_t> Exec(const std::vector<std::string>& command, bool with_stdin = false,
                               bool tty = false) {
    const auto url = Await<absl::StatusOr<std::string>>(
        [&](auto done) { runtime_->ExecUrl(container_id_, command, with_stdin, tty, done); });
    if (!url.ok()) return url.status();
    return RunExec(*url, with_stdin, tty, peer_);
  }
  absl::StatusOr<int32_t> Shell(const std::string& script, bool with_stdin = false,
                                bool tty = false) {
    return Exec({"sh", "-c", script}, with_stdin, tty);
  }
  // For tests that talk with the command while it runs.
  std::future<absl::StatusOr<int32_t>> ShellMeanwhile(const std::string& script, bool tty) {
    return std::async(std::launch::async, [=, this] { return Shell(script, true, tty); });
  }

  static PrivateContainerd* containerd_;
  static CriRuntime* runtime_;
  static SandboxConfig sandbox_;
  static std::string sandbox_id_, container_id_;
  RecordingPeer peer_;
};
PrivateContainerd* ExecAndLogs::containerd_ = nullptr;
CriRuntime* ExecAndLogs::runtime_ = nullptr;
SandboxConfig ExecAndLogs::sandbox_;
std::string ExecAndLogs::sandbox_id_, ExecAndLogs::container_id_;

TEST_F(ExecAndLogs, OutputStreamsAndExitCodeArrive) {
  const auto code = Shell("echo out; echo err >&2; exit 5");
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 5);
  EXPECT_EQ(peer_.out(), "out\n");
  EXPECT_EQ(peer_.err(), "err\n");
}

TEST_F(ExecAndLogs, SuccessIsExitCodeZero) {
  const auto code = Exec({"true"});
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 0);
}

TEST_F(ExecAndLogs, CommandThatIsNotThereIsAnError) {
  const auto code = Exec({"/nope"});
  ASSERT_FALSE(code.ok());
  EXPECT_THAT(std::string(code.status().message()), HasSubstr("no such file or directory"));
}

TEST_F(ExecAndLogs, EndOfStdinReachesTheCommand) {
  peer_.Type("hello");
  peer_.CloseStdin();
  const auto code = Shell("cat; echo ' and the end'", true);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 0);
  EXPECT_EQ(peer_.out(), "hello and the end\n");
}

TEST_F(ExecAndLogs, EmptyStdinEndsAtOnce) {
  peer_.CloseStdin();
  const auto code = Shell("cat", true);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(peer_.out(), "");
}

TEST_F(ExecAndLogs, MuchGoesThroughInBothDirections) {
  constexpr size_t kBytes = 8 << 20;
  std::string sent;
  while (sent.size() < kBytes) absl::StrAppend(&sent, sent.size(), " some text of some length\n");
  for (size_t at = 0; at < sent.size(); at += 100'000) peer_.Type(sent.substr(at, 100'000));
  peer_.CloseStdin();
  const auto code = Shell("cat", true);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_TRUE(peer_.out() == sent) << peer_.out().size() << " of " << sent.size();
}

TEST_F(ExecAndLogs, CommandThatDoesNotReadItsInputStillEnds) {
  peer_.Type(std::string(4 << 20, 'x'));
  const auto code = Shell("exit 3", true);
  // containerd 1.6 may lose the code (see RunExec), and then it is not made up.
  if (absl::IsDataLoss(code.status())) return;
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 3);
}

TEST_F(ExecAndLogs, TerminalEchoesAndKnowsItsSize) {
  auto code = ShellMeanwhile(
      "echo ready; read line; echo \"got $line\"; "
      "while size=$(stty size 2>/dev/null); [ -z \"$size\" ]; do sleep 0.1; done; echo $size",
      true);
  ASSERT_TRUE(peer_.AwaitOutWith("ready\r\n")) << peer_.out();
  peer_.Type("typed\n");
  // It has no size until it is told one, which goes a way of its own.
  peer_.Resize({.columns = 101, .rows = 37});
  const auto ended = code.get();
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(*ended, 0);
  EXPECT_EQ(peer_.out(), "ready\r\ntyped\r\ngot typed\r\n37 101\r\n");
  EXPECT_EQ(peer_.err(), "");
}

TEST_F(ExecAndLogs, ControlCEndsWhatRunsInATerminal) {
  auto code = ShellMeanwhile("echo ready; exec sleep 1000", true);
  ASSERT_TRUE(peer_.AwaitOutWith("ready"));
  peer_.Type("\x03");
  const auto ended = code.get();
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(*ended, 130);
}

TEST_F(ExecAndLogs, UserWhoLeavesEndsTheSession) {
  auto code = ShellMeanwhile("echo ready; exec sleep 1000", false);
  ASSERT_TRUE(peer_.AwaitOutWith("ready"));
  peer_.Cancel();
  EXPECT_TRUE(absl::IsCancelled(code.get().status()));
}

TEST_F(ExecAndLogs, AddressIsGoodForOneSessionOnly) {
  const auto url = Await<absl::StatusOr<std::string>>(
      [&](auto done) { runtime_->ExecUrl(container_id_, {"true"}, false, false, done); });
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_TRUE(RunExec(*url, false, false, peer_).ok());
  const auto again = RunExec(*url, false, false, peer_);
  EXPECT_TRUE(absl::IsUnavailable(again.status())) << again.status();
  EXPECT_THAT(std::string(again.status().message()), HasSubstr("404"));
}

// Spec: pod/26/log-lines
TEST_F(ExecAndLogs, LogIsFollowedToTheLastWordOfTheContainer) {
  const std::string id = Start("chatty",
                               "echo first; sleep 0.3; echo second; echo err >&2; "
                               "head -c 40000 /dev/zero | tr '\\0' x; printf unfinished");
  LogQuery query;
  query.follow = true;
  const absl::Status sent = SendLog(
      StatusOf(id).log_path, query, [&] { return StatusOf(id).state == ContainerState::kRunning; },
      peer_);
  ASSERT_TRUE(sent.ok()) << sent;
  std::string log = peer_.out();
  EXPECT_THAT(log, StartsWith("first\n"));
  EXPECT_THAT(log, HasSubstr("second\n"));
  EXPECT_THAT(log, HasSubstr("err\n"));
  // One line however the runtime has cut it, and its end is where the container left it.
  EXPECT_THAT(log, HasSubstr(std::string(40'000, 'x') + "unfinished"));
  EXPECT_EQ(log.back(), 'd');
}

// Spec: pod/26/log-lines
TEST_F(ExecAndLogs, RotationByTheRuntimeLosesNothing) {
  const std::string id = Start("counter",
                               "i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); "
                               "sleep 0.01; done");
  const std::string path = StatusOf(id).log_path;
  LogQuery query;
  query.follow = true;
  auto sent = std::async(std::launch::async, [&] {
    return SendLog(
        path, query, [&] { return StatusOf(id).state == ContainerState::kRunning; }, peer_);
  });
  for (int rotation = 1; rotation <= 4; ++rotation) {
    ASSERT_TRUE(peer_.AwaitOutWith(absl::StrCat("\n", rotation * 40, "\n")));
    ASSERT_EQ(std::rename(path.c_str(), absl::StrCat(path, ".", rotation).c_str()), 0);
    const absl::Status reopened =
        Await<absl::Status>([&](auto done) { runtime_->ReopenContainerLog(id, done); });
    ASSERT_TRUE(reopened.ok()) << reopened;
  }
  const absl::Status status = sent.get();
  ASSERT_TRUE(status.ok()) << status;
  std::string expected;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&expected, i, "\n");
  EXPECT_EQ(peer_.out(), expected);
}

}  // namespace
}  // namespace muster::agent
