// When the runtime is listed: told of exits, and without being told.

#include "agent/loop/runtime_view.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "agent/translate/translate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/fakes/fake_exit_watch.h"
#include "test/fakes/fake_runtime.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// A view of a runtime with one pod of one running container.
class RuntimeViewTest : public testing::Test {
 protected:
  RuntimeViewTest() {
    runtime_.AddImage("busybox");
    SandboxConfig sandbox;
    sandbox.name = "web";
    sandbox.uid = "u1";
    sandbox.labels = {{kLabelPodUid, "u1"}, {kLabelNodeUid, "me"}};
    runtime_.RunSandbox(sandbox, [this](const auto& id) { sandbox_ = *id; });
    runtime_.RunPending();
    container_ = StartContainer("main", sandbox);
    view_.SetOwners({"me"});
    Turn();
  }

  std::string StartContainer(const std::string& name, const SandboxConfig& sandbox) {
    ContainerConfig config;
    config.name = name;
    config.image_id = runtime_.AddImage("busybox").id;
    config.labels = sandbox.labels;
    config.labels[kLabelContainerName] = name;
    std::string started;
    runtime_.CreateContainer(sandbox_, config, sandbox, [&](const auto& id) { started = *id; });
    runtime_.RunPending();
    runtime_.StartContainer(started, [](const absl::Status& status) { EXPECT_TRUE(status.ok()); });
    runtime_.RunPending();
    return started;
  }

  // Everything that happens without time passing.
  void Turn() {
    for (int i = 0; i < 20; ++i) {
      for (NodeMessage& message : inbox_->TakeAll()) {
        std::get<std::function<void()>>(message)();
      }
      wake_ = view_.Step(clock_.Mono(), period_);
      runtime_.RunPending();
    }
  }

  long Lists() const {
    return std::ranges::count_if(runtime_.journal(), [](const std::string& line) {
      return line.starts_with("ListContainers");
    });
  }
  ContainerState State() {
    return view_.pods().at("u1").containers.at("main").front().status.state;
  }

  ManualClock clock_;
  FakeRuntime runtime_{clock_};
  FakeExitWatch exits_;
  Duration period_ = 10s;
  std::shared_ptr<NodeInbox> inbox_ = std::make_shared<NodeInbox>([] {});
  RuntimeView view_{runtime_, clock_, inbox_,
                    [](const std::string&, const ContainerStatus&, uint32_t,
                       std::function<void(std::string)> done) { done(""); },
                    &exits_};
  std::string sandbox_, container_;
  std::optional<MonoTime> wake_;
};

// Spec: pod/1/events, pod/25/events
TEST_F(RuntimeViewTest, WatchesWhateverRuns) {
  std::vector<std::string> ids;
  for (const auto& [id, on_exit] : exits_.watched) ids.push_back(id);
  EXPECT_THAT(ids, UnorderedElementsAre(sandbox_, container_));
  EXPECT_TRUE(view_.AllWatched());
}

// Spec: pod/5/died
TEST_F(RuntimeViewTest, AnExitIsSeenAtOnce) {
  const long before = Lists();
  ASSERT_TRUE(runtime_.ExitContainer(container_, 3));
  Turn();
  EXPECT_EQ(State(), ContainerState::kRunning) << "nobody has looked yet";
  ASSERT_TRUE(exits_.End(container_));
  Turn();
  EXPECT_EQ(State(), ContainerState::kExited);
  EXPECT_EQ(Lists(), before + 1);
  EXPECT_TRUE(view_.AllWatched()) << "what has ended need not be watched";
  EXPECT_THAT(view_.TakeChanged(), UnorderedElementsAre("u1"));
}

// Spec: pod/1/relist, pod/1/resync
TEST_F(RuntimeViewTest, ARuntimeThatTakesItsTimeIsAskedAgainEverLessOften) {
  ASSERT_TRUE(exits_.End(container_));
  Turn();
  EXPECT_EQ(State(), ContainerState::kRunning);
  EXPECT_FALSE(view_.AllWatched());
  const long before = Lists();
  for (const auto wait : {5ms, 10ms, 20ms, 40ms}) {
    ASSERT_EQ(wake_, clock_.Mono() + wait);
    clock_.Advance(wait);
    Turn();
  }
  EXPECT_EQ(Lists(), before + 4);
  ASSERT_TRUE(runtime_.ExitContainer(container_, 3));
  clock_.Advance(80ms);
  Turn();
  EXPECT_EQ(State(), ContainerState::kExited);
  EXPECT_EQ(wake_, clock_.Mono() + period_);
}

// Spec: pod/5/died
TEST_F(RuntimeViewTest, TheEndOfASandboxIsSeenToo) {
  runtime_.KillSandbox(sandbox_);
  ASSERT_TRUE(exits_.End(sandbox_));
  Turn();
  EXPECT_EQ(view_.pods().at("u1").sandboxes.front().status.state, SandboxState::kNotReady);
}

// Spec: pod/1/events
TEST_F(RuntimeViewTest, WhatCannotBeWatchedHasToBeListed) {
  SandboxConfig sandbox;
  sandbox.labels = {{kLabelPodUid, "u1"}, {kLabelNodeUid, "me"}};
  exits_.unwatchable.insert(StartContainer("second", sandbox));
  view_.RequestList();
  Turn();
  EXPECT_FALSE(view_.AllWatched());
}

TEST_F(RuntimeViewTest, AProcessThatEndedBeforeItCouldBeWatchedIsAskedAbout) {
  SandboxConfig sandbox;
  sandbox.labels = {{kLabelPodUid, "u1"}, {kLabelNodeUid, "me"}};
  exits_.ended.insert(StartContainer("second", sandbox));
  view_.RequestList();
  Turn();
  EXPECT_FALSE(view_.AllWatched());
  EXPECT_EQ(wake_, clock_.Mono() + 5ms);
}

// Spec: pod/5/vanished
TEST_F(RuntimeViewTest, WhatIsGoneIsForgotten) {
  runtime_.RemoveSandbox(sandbox_, [](const absl::Status&) {});
  runtime_.RunPending();
  view_.RequestList();
  Turn();
  EXPECT_THAT(view_.pods(), IsEmpty());
  EXPECT_THAT(exits_.watched, IsEmpty());
}

TEST_F(RuntimeViewTest, WithoutAWatchNothingIsSureButTheEmptyRuntime) {
  RuntimeView blind(
      runtime_, clock_, inbox_,
      [](const std::string&, const ContainerStatus&, uint32_t,
         std::function<void(std::string)> done) { done(""); },
      nullptr);
  EXPECT_TRUE(blind.AllWatched());
  blind.SetOwners({"me"});
  for (int i = 0; i < 5; ++i) {
    blind.Step(clock_.Mono(), period_);
    runtime_.RunPending();
    for (NodeMessage& message : inbox_->TakeAll()) std::get<std::function<void()>>(message)();
  }
  ASSERT_THAT(blind.pods(), SizeIs(1));
  EXPECT_FALSE(blind.AllWatched());
}

}  // namespace
}  // namespace muster::agent
