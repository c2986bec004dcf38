#include "coordinator/tunnel/pipe.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PipeTest : public ::testing::Test {
 protected:
  void Push(const std::string& frame) {
    pipe_.Push(frame, [this, frame] { taken_.push_back(frame); });
  }
  void Pull() {
    pipe_.Pull(
        [this](std::optional<std::string> frame) { frames_.push_back(frame.value_or("<end>")); });
  }

  Pipe<std::string> pipe_;
  std::vector<std::string> taken_, frames_;
};

TEST_F(PipeTest, AFrameWaitsForItsConsumerAndItsProducerUntilThen) {
  Push("a");
  EXPECT_THAT(taken_, IsEmpty());
  Pull();
  EXPECT_THAT(frames_, ElementsAre("a"));
  EXPECT_THAT(taken_, ElementsAre("a"));
}

TEST_F(PipeTest, AWaitingConsumerGetsAFrameAtOnce) {
  Pull();
  EXPECT_THAT(frames_, IsEmpty());
  Push("a");
  EXPECT_THAT(frames_, ElementsAre("a"));
  EXPECT_THAT(taken_, ElementsAre("a"));
}

TEST_F(PipeTest, ClosingEndsAWaitingConsumer) {
  Pull();
  pipe_.Close();
  EXPECT_THAT(frames_, ElementsAre("<end>"));
  pipe_.Close();
  EXPECT_THAT(frames_, ElementsAre("<end>"));
}

TEST_F(PipeTest, AFrameThatWaitsSurvivesTheClosing) {
  Push("a");
  pipe_.Close();
  Pull();
  Pull();
  EXPECT_THAT(frames_, ElementsAre("a", "<end>"));
}

// Whoever pushes is kept by the callback and keeps the pipe: a circle that nobody else breaks.
TEST_F(PipeTest, ClosingLetsGoOfAProducerThatWaits) {
  const auto producer = std::make_shared<int>(0);
  pipe_.Push("a", [producer] { ++*producer; });
  EXPECT_EQ(producer.use_count(), 2);
  pipe_.Close();
  EXPECT_EQ(producer.use_count(), 1);
  Pull();
  EXPECT_THAT(frames_, ElementsAre("a"));
  EXPECT_EQ(*producer, 0);
}

TEST_F(PipeTest, AFrameAfterTheClosingIsDropped) {
  pipe_.Close();
  Push("a");
  Pull();
  EXPECT_THAT(frames_, ElementsAre("<end>"));
  EXPECT_THAT(taken_, IsEmpty());
}

TEST_F(PipeTest, TheProducerMayPushTheNextFrameWhenToldOfTheLast) {
  pipe_.Push("a", [this] { Push("b"); });
  Pull();
  Pull();
  EXPECT_THAT(frames_, ElementsAre("a", "b"));
}

}  // namespace
}  // namespace muster::coordinator
