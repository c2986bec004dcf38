#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "agent/loop/runtime_view.h"
#include "agent/translate/translate.h"
#include "test/fakes/fake_runtime.h"

namespace muster::agent {
namespace {

// A view of a runtime that holds one container of ours, turned by hand.
class RuntimeViewOrderTest : public testing::Test {
 protected:
  RuntimeViewOrderTest() {
    runtime_.AddImage("img:1");
    SandboxConfig sandbox;
    sandbox.name = "web";
    sandbox.namespace_ = "ns";
    sandbox.uid = "uid-1";
    sandbox.labels = {{kLabelNodeUid, "node-uid"}, {kLabelPodUid, "uid-1"}};
    runtime_.RunSandbox(sandbox, [this](auto id) { sandbox_ = *id; });
    runtime_.RunPending();
    ContainerConfig container;
    container.name = "main";
    container.image_id = container.image_name = "img:1";
    container.labels = sandbox.labels;
    runtime_.CreateContainer(sandbox_, container, sandbox, [this](auto id) { container_ = *id; });
    runtime_.RunPending();
    view_.SetOwners({"node-uid"});
  }

  // Everything that happens without time going by.
  void Settle() {
    for (int i = 0; i < 100; ++i) {
      view_.Step(clock_.Mono(), std::chrono::seconds(1));
      const int ran = runtime_.RunPending();
      auto messages = inbox_->TakeAll();
      for (NodeMessage& message : messages) std::get<std::function<void()>>(message)();
      if (ran == 0 && messages.empty()) return;
    }
    FAIL() << "it never comes to rest";
  }
  ContainerState Seen() {
    return view_.pods().at("uid-1").containers.at("main").front().status.state;
  }

  ManualClock clock_;
  FakeRuntime runtime_{clock_};
  std::shared_ptr<NodeInbox> inbox_ = std::make_shared<NodeInbox>([] {});
  RuntimeView view_{runtime_, clock_, inbox_,
                    [](const auto&, const auto&, uint32_t, auto done) { done(""); }, nullptr};
  std::string sandbox_, container_;
};

// Details of an older list that come in after a newer list are not the newer list's: who waits for
// that one would act on what was, and start a container beside the one that runs.
// Spec: pod/5/order
TEST_F(RuntimeViewOrderTest, LateDetailsOfAnOlderListAreNotTakenForTheNewerOnes) {
  runtime_.Hold(RuntimeCall::kSandboxStatusOf);
  Settle();
  runtime_.StartContainer(container_, [](const absl::Status&) {});
  runtime_.RunPending();
  const uint64_t after_start = view_.RequestList();
  view_.Step(clock_.Mono(), std::chrono::seconds(1));
  runtime_.RunPending();
  for (NodeMessage& message : inbox_->TakeAll()) std::get<std::function<void()>>(message)();
  EXPECT_LT(view_.AbsorbedBy("uid-1"), after_start);

  runtime_.Release(RuntimeCall::kSandboxStatusOf);
  runtime_.RunPending();
  for (NodeMessage& message : inbox_->TakeAll()) std::get<std::function<void()>>(message)();
  ASSERT_EQ(Seen(), ContainerState::kCreated);
  EXPECT_LT(view_.AbsorbedBy("uid-1"), after_start);

  Settle();
  EXPECT_EQ(Seen(), ContainerState::kRunning);
  EXPECT_GE(view_.AbsorbedBy("uid-1"), after_start);
}

// A pod whose details could not be read, and of which nothing is left at the next list, is seen.
// Spec: pod/5/vanished
TEST_F(RuntimeViewOrderTest, APodThatVanishedUnreadIsUpToDateAgain) {
  runtime_.FailNext(RuntimeCall::kContainerStatusOf, absl::UnknownError("injected"));
  Settle();
  EXPECT_EQ(view_.AbsorbedBy("uid-1"), 0u);
  runtime_.RemoveSandbox(sandbox_, [](const absl::Status&) {});
  runtime_.RunPending();
  const uint64_t after = view_.RequestList();
  Settle();
  EXPECT_GE(view_.AbsorbedBy("uid-1"), after);
}

}  // namespace
}  // namespace muster::agent
