// What the agent fetches ahead for pods that are to make way (Pod.prePull).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::SizeIs;

class PrePullTest : public testing::Test {
 protected:
  PrePullTest() {
    node_.Settle();
    node_.Welcome({PodObject("web", "u1")});
    node_.Run(seconds(1));
    EXPECT_EQ(node_.runtime.running_containers(), 1);
    node_.runtime.ClearJournal();
  }

  // The pod, which is to have these images on its node; "!" in front: always pulled, "-": never.
  static v1::Object Asked(std::vector<std::string> images, int attempt = 1,
                          const std::string& uid = "u1", int64_t version = 2) {
    v1::Object object = PodObject(uid == "u1" ? "web" : "web-" + uid, uid, version);
    v1::PodPrePull& wanted = *object.mutable_pod()->mutable_pre_pull();
    wanted.set_revision("rev-2");
    wanted.set_attempt(attempt);
    for (const std::string& image : images) {
      const bool marked = image.front() == '!' || image.front() == '-';
      v1::PrePullImage& added = *wanted.add_images();
      added.set_image(marked ? image.substr(1) : image);
      added.set_image_pull_policy(image.front() == '!'   ? "Always"
                                  : image.front() == '-' ? "Never"
                                                         : "IfNotPresent");
    }
    return object;
  }
  void Ask(const v1::Object& pod) {
    node_.Assign({pod});
    node_.Run(seconds(1));
  }
  std::string Answer(const std::string& uid = "u1") const {
    const v1::PodPrePullStatus answer = node_.Status(uid).pre_pull();
    if (answer.phase().empty()) return "";
    return answer.revision() + " " + std::to_string(answer.attempt()) + " " + answer.phase() +
           (answer.message().empty() ? "" : ": " + answer.message());
  }
  std::vector<std::string> Pulls() const {
    std::vector<std::string> pulls;
    for (const std::string& line : node_.runtime.journal()) {
      if (line.starts_with("PullImage ")) pulls.push_back(line.substr(10));
    }
    return pulls;
  }
  std::vector<std::string> Messages() const {
    std::vector<std::string> messages;
    for (const v1::Event& event : node_.link->events()) messages.push_back(event.message());
    return messages;
  }

  NodeHarness node_;
};

TEST_F(PrePullTest, ImagesAreFetchedWhileThePodRunsOnAndReportedThen) {
  node_.runtime.AddToRegistry("img:2");
  node_.runtime.AddToRegistry("side:1");
  node_.runtime.Hold(RuntimeCall::kPullImage);
  Ask(Asked({"img:2", "side:1"}));
  EXPECT_EQ(Answer(), "");
  node_.runtime.Release(RuntimeCall::kPullImage);
  node_.Run(seconds(1));
  EXPECT_EQ(Answer(), "rev-2 1 Pulled");
  EXPECT_THAT(Pulls(), ElementsAre("img:2", "side:1"));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  EXPECT_EQ(node_.Status("u1").container_statuses(0).restart_count(), 0);
  EXPECT_THAT(Messages(), IsSupersetOf({"Pulling image \"img:2\" ahead of the update",
                                        "Pulling image \"side:1\" ahead of the update"}));
}

TEST_F(PrePullTest, WhatIsThereIsNotFetchedUnlessThePolicySaysSo) {
  node_.runtime.AddImage("img:2");
  Ask(Asked({"img:2", "-img:2"}));
  EXPECT_EQ(Answer(), "rev-2 1 Pulled");
  EXPECT_THAT(Pulls(), IsEmpty());
  node_.runtime.AddToRegistry("img:2");
  Ask(Asked({"!img:2"}, 2));
  EXPECT_EQ(Answer(), "rev-2 2 Pulled");
  EXPECT_THAT(Pulls(), ElementsAre("img:2"));
  Ask(Asked({"-absent:1"}, 3));
  EXPECT_EQ(Answer(), "rev-2 3 Failed: absent:1: it is not present, and the pull policy is Never");
  EXPECT_THAT(Pulls(), SizeIs(1));
}

TEST_F(PrePullTest, AnAttemptThatFailsIsOnlyReportedUntilItIsAskedForAgain) {
  Ask(Asked({"img:2"}));
  EXPECT_THAT(Answer(), HasSubstr("rev-2 1 Failed: img:2: "));
  EXPECT_THAT(Answer(), HasSubstr("not found"));
  node_.Run(seconds(600));
  EXPECT_THAT(Pulls(), SizeIs(1));
  EXPECT_THAT(node_.Events(), Contains("Failed"));
  node_.runtime.AddToRegistry("img:2");
  Ask(Asked({"img:2"}, 2));
  EXPECT_EQ(Answer(), "rev-2 2 Pulled");
}

// Kill -9 in the middle: the next agent knows from its disk what is wanted, and asks anew.
TEST_F(PrePullTest, TheNextAgentBringsItToItsEnd) {
  node_.runtime.AddToRegistry("img:2");
  node_.runtime.Hold(RuntimeCall::kPullImage);
  Ask(Asked({"img:2"}));
  node_.RestartAgent();
  node_.Settle();
  node_.runtime.Release(RuntimeCall::kPullImage);
  node_.Run(seconds(5));
  node_.Welcome({});
  node_.Run(seconds(1));
  EXPECT_EQ(Answer(), "rev-2 1 Pulled");
  // And one after it says the same without another pull.
  node_.runtime.ClearJournal();
  node_.RestartAgent();
  node_.Run(seconds(5));
  node_.Welcome({});
  node_.Run(seconds(1));
  EXPECT_EQ(Answer(), "rev-2 1 Pulled");
  EXPECT_THAT(Pulls(), IsEmpty());
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

TEST_F(PrePullTest, APodThatGoesIsNotFetchedFor) {
  v1::Object pod = Deleted(Asked({"img:2"}), 30);
  Ask(pod);
  EXPECT_THAT(Pulls(), IsEmpty());
}

// Spec: pod/1/limits
TEST_F(PrePullTest, AtMostFiveAtOnceAndWhatAPodWaitsForGoesFirst) {
  std::vector<v1::Object> pods;
  for (int i = 2; i <= 8; ++i) {
    const std::string image = "ahead:" + std::to_string(i);
    node_.runtime.AddToRegistry(image);
    pods.push_back(Asked({image}, 1, "u" + std::to_string(i)));
  }
  node_.runtime.AddToRegistry("needed:1");
  node_.Assign(pods);
  node_.Run(seconds(5));
  node_.runtime.ClearJournal();
  for (v1::Object& pod : pods) {
    pod.mutable_pod()->mutable_pre_pull()->set_attempt(2);
    pod.mutable_pod()->mutable_pre_pull()->mutable_images(0)->set_image_pull_policy("Always");
  }
  node_.runtime.Hold(RuntimeCall::kPullImage);
  node_.Assign(pods);
  node_.Run(seconds(1));
  v1::Object waiting = PodObject("late", "u9");
  waiting.mutable_pod()->mutable_spec()->mutable_containers(0)->set_image("needed:1");
  node_.Assign({waiting});
  node_.Run(seconds(1));
  node_.runtime.Release(RuntimeCall::kPullImage);
  node_.Settle();
  const std::vector<std::string> pulls = Pulls();
  ASSERT_THAT(pulls, SizeIs(8));
  // Five were under way when the pod came; it is the first of those who had to wait.
  EXPECT_EQ(pulls[5], "needed:1");
  EXPECT_EQ(Answer("u8"), "rev-2 2 Pulled");
}

}  // namespace
}  // namespace muster::agent
