#include "coordinator/controllers/commit_batch.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;

class CommitBatchTest : public testing::Test {
 protected:
  // Deletes the pods, and remembers how it went under the first one's name.
  void Add(CommitBatch& batch, const std::vector<std::string>& pods) {
    ObjectTransaction transaction;
    for (const std::string& pod : pods) transaction.DeleteAny(v1::Object::kPod, "ns", pod);
    batch.Add(std::move(transaction), [this, pods](const absl::Status& status) {
      done_.push_back(pods.front() + (status.ok() ? " done" : " failed"));
    });
  }
  CommitBatch NewBatch(size_t objects_max = 500) {
    return CommitBatch(
        [this](ObjectTransaction transaction) {
          std::string names;
          bool bad = false;
          for (const auto& step : transaction.steps()) {
            names += step.object.pod().metadata().name();
            bad |= step.object.pod().metadata().name() == bad_;
          }
          commits_.push_back(names);
          return bad ? failure_ : absl::OkStatus();
        },
        objects_max);
  }

  std::vector<std::string> commits_, done_;
  std::string bad_;
  absl::Status failure_ = absl::AbortedError("changed meanwhile");
};

TEST_F(CommitBatchTest, AllOfOneStepAreOneCommit) {
  CommitBatch batch = NewBatch();
  Add(batch, {"a", "b"});
  Add(batch, {"c"});
  EXPECT_THAT(commits_, ElementsAre());
  batch.Flush();
  batch.Flush();
  EXPECT_THAT(commits_, ElementsAre("abc"));
  EXPECT_THAT(done_, ElementsAre("a done", "c done"));
}

TEST_F(CommitBatchTest, AConflictOfOneDoesNotHoldUpTheOthers) {
  bad_ = "c";
  CommitBatch batch = NewBatch();
  Add(batch, {"a"});
  Add(batch, {"b", "c"});
  Add(batch, {"d"});
  batch.Flush();
  EXPECT_THAT(commits_, ElementsAre("abcd", "a", "bc", "d"));
  EXPECT_THAT(done_, ElementsAre("a done", "b failed", "d done"));
}

TEST_F(CommitBatchTest, TroubleOfTheStoreIsNotMetOnceForEach) {
  bad_ = "b";
  failure_ = absl::ResourceExhaustedError("the disk is full");
  CommitBatch batch = NewBatch();
  Add(batch, {"a"});
  Add(batch, {"b"});
  batch.Flush();
  EXPECT_THAT(commits_, ElementsAre("ab"));
  EXPECT_THAT(done_, ElementsAre("a failed", "b failed"));
}

TEST_F(CommitBatchTest, OneObjectIsNeverTwiceInACommit) {
  CommitBatch batch = NewBatch();
  Add(batch, {"a", "b"});
  Add(batch, {"b", "c"});
  EXPECT_THAT(commits_, ElementsAre("ab"));
  batch.Flush();
  EXPECT_THAT(commits_, ElementsAre("ab", "bc"));
}

TEST_F(CommitBatchTest, GoesOnInAnotherCommitWhenItIsFull) {
  CommitBatch batch = NewBatch(3);
  Add(batch, {"a", "b"});
  Add(batch, {"c", "d"});
  Add(batch, {"e"});
  batch.Flush();
  EXPECT_THAT(commits_, ElementsAre("ab", "cde"));
}

}  // namespace
}  // namespace muster::coordinator
