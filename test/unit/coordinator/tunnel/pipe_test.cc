#include "coordinator/tunnel/pipe.h"

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
    pipe_.Pull([this](std::optional<std::string> frame) {
      frames_.push_back(frame.value_or("<end>"));
    });
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
