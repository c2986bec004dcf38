#include "agent/host/process_exits.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>

#include "common/base/text_file.h"
#include "common/daemon/event_loop.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using Answer = ExitWatch::Answer;

class ProcessExitsTest : public testing::Test {
 protected:
  ProcessExitsTest() {
    child_ = ::fork();
    if (child_ == 0) {
      while (true) ::pause();
    }
    // Of the same groups as we; their text stands for the id of a container.
    groups_ = ReadFile("/proc/self/cgroup").value();
    group_ = groups_.substr(0, groups_.find('\n'));
  }
  ~ProcessExitsTest() override { Kill(); }

  void Kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

  const std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  ProcessExits exits_{*loop_};
  pid_t child_ = 0;
  std::string groups_, group_;
};

TEST_F(ProcessExitsTest, TellsOnTheLoopThatAProcessHasEnded) {
  bool ended = false;
  ASSERT_EQ(exits_.Watch(group_, child_,
                         [&] {
                           ended = true;
                           loop_->Quit();
                         }),
            Answer::kWatched);
  loop_->Post([this] { Kill(); });
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_TRUE(ended);
}

TEST_F(ProcessExitsTest, SaysNothingOfWhatIsForgotten) {
  bool ended = false;
  ASSERT_EQ(exits_.Watch(group_, child_, [&] { ended = true; }), Answer::kWatched);
  exits_.Forget(group_);
  exits_.Forget("never watched");
  Kill();
  loop_->Post([this] { loop_->Quit(); });
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_FALSE(ended);
}

TEST_F(ProcessExitsTest, AProcessOfAnotherGroupIsSomebodyElse) {
  EXPECT_EQ(exits_.Watch("0123456789abcdef-of-a-container", child_, [] {}), Answer::kUnwatchable);
}

TEST_F(ProcessExitsTest, ARuntimeThatTellsNoPidCannotBeHelped) {
  EXPECT_EQ(exits_.Watch(group_, 0, [] {}), Answer::kUnwatchable);
}

TEST_F(ProcessExitsTest, WhatHasEndedAlreadyIsSaidAtOnce) {
  const pid_t gone = child_;
  Kill();
  EXPECT_EQ(exits_.Watch(group_, gone, [] {}), Answer::kEnded);
}

TEST_F(ProcessExitsTest, AZombieHasEnded) {
  ::kill(child_, SIGKILL);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, child_, &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(exits_.Watch(group_, child_, [] {}), Answer::kEnded);
}

}  // namespace
}  // namespace muster::agent
