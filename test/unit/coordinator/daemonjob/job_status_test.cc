#include "coordinator/daemonjob/job_status.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonjob/fixtures.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class JobStatusTest : public testing::Test {
 protected:
  std::vector<PlannedEvent> Update(JobTally tally, WallTime now = kWall) {
    std::vector<PlannedEvent> events;
    JobProgress progress;
    progress.tally = tally;
    progress.out_of_reach = {"node-9"};
    for (const v1::DaemonJobNode& record : records_) progress.failures.push_back(&record);
    UpdateJobStatus(job_, progress, now, *job_.mutable_status(), events);
    return events;
  }
  void AddFailure(const std::string& node, int32_t exit_code) {
    v1::DaemonJobNode record;
    record.set_node(node);
    record.set_exit_code(exit_code);
    records_.push_back(record);
  }
  std::string Message(const std::string& type) const {
    for (const v1::DaemonJobCondition& condition : job_.status().conditions()) {
      if (condition.type() == type) return condition.message();
    }
    return "no such condition";
  }

  v1::DaemonJob job_ = JobNamed("once");
  std::vector<v1::DaemonJobNode> records_;
};

TEST_F(JobStatusTest, CompleteSaysWhatIsStillLeft) {
  const struct {
    JobTally tally;
    const char* condition;
    const char* message;
  } cases[] = {
      {{0, 0, 0, 0, 0}, "False NoMatchingNodes", "no node matches the template"},
      {{3, 3, 0, 0, 0}, "False NodesLeft", "0 of 3 nodes succeeded, 3 left"},
      {{3, 0, 3, 0, 0}, "True AllNodesSucceeded", "3 of 3 nodes succeeded"},
      {{1, 0, 1, 0, 0}, "True AllNodesSucceeded", "1 of 1 node succeeded"},
      {{3, 0, 2, 1, 0}, "False NodesFailed", "2 of 3 nodes succeeded"},
      {{3, 1, 1, 0, 1},
       "False NodesLeft",
       "1 of 3 nodes succeeded, 2 left; cannot be reached: node-9"},
      {{4, 0, 1, 0, 3},
       "False NodesUnreachable",
       "1 of 4 nodes succeeded, 3 left; cannot be reached: node-9 and 2 more"},
  };
  for (const auto& c : cases) {
    Update(c.tally);
    EXPECT_EQ(ConditionOf(job_, "Complete"), c.condition) << c.message;
    EXPECT_EQ(Message("Complete"), c.message);
  }
}

TEST_F(JobStatusTest, FailedHoldsOnceEveryNodeHasHadItsOutcome) {
  AddFailure("node-1", 3);
  Update({3, 1, 1, 1, 0});
  EXPECT_EQ(ConditionOf(job_, "Failed"), "False BackoffLimitExceeded");
  const std::vector<PlannedEvent> events = Update({3, 0, 2, 1, 0});
  EXPECT_EQ(ConditionOf(job_, "Failed"), "True BackoffLimitExceeded");
  EXPECT_EQ(Message("Failed"), "1 node failed: node-1 (exit code 3)");
  EXPECT_THAT(Reasons(events), ElementsAre("FailedNodes"));
  AddFailure("node-2", 4);
  Update({9, 0, 2, 7, 0});
  EXPECT_EQ(Message("Failed"),
            "7 nodes failed: node-1 (exit code 3), node-2 (exit code 4) and 5 more");
}

TEST_F(JobStatusTest, TimesChangeWithTheConditionsOnly) {
  Update({2, 2, 0, 0, 0});
  EXPECT_EQ(job_.status().start_time().seconds(), FromWallTime(kWall).seconds());
  EXPECT_EQ(EndOf(job_.status()), std::nullopt);
  EXPECT_THAT(Reasons(Update({2, 0, 2, 0, 0}, kWall + seconds(5))), ElementsAre("Completed"));
  EXPECT_EQ(EndOf(job_.status()), kWall + seconds(5));
  EXPECT_THAT(Update({2, 0, 2, 0, 0}, kWall + seconds(9)), IsEmpty());
  EXPECT_EQ(EndOf(job_.status()), kWall + seconds(5));
  EXPECT_EQ(job_.status().completion_time().seconds(), FromWallTime(kWall + seconds(5)).seconds());
  EXPECT_EQ(job_.status().start_time().seconds(), FromWallTime(kWall).seconds());
  Update({3, 1, 2, 0, 0}, kWall + seconds(20));
  EXPECT_EQ(EndOf(job_.status()), std::nullopt);
  EXPECT_FALSE(job_.status().has_completion_time());
}

TEST_F(JobStatusTest, SuspensionIsSpokenOfOnceItWas) {
  Update({2, 0, 0, 0, 0});
  EXPECT_EQ(ConditionOf(job_, "Suspended"), "");
  job_.mutable_spec()->set_suspend(true);
  EXPECT_THAT(Reasons(Update({2, 0, 0, 0, 0})), ElementsAre("Suspended"));
  EXPECT_EQ(ConditionOf(job_, "Complete"), "False JobSuspended");
  EXPECT_THAT(Update({2, 0, 0, 0, 0}), IsEmpty());
  job_.mutable_spec()->set_suspend(false);
  EXPECT_THAT(Reasons(Update({2, 0, 0, 0, 0}, kWall + seconds(7))), ElementsAre("Resumed"));
  EXPECT_EQ(job_.status().start_time().seconds(), FromWallTime(kWall + seconds(7)).seconds());
}

// A field that is added later must not be lost on the way.
TEST_F(JobStatusTest, TheHeadIsEverythingButTheRecords) {
  v1::DaemonJobStatus status;
  const google::protobuf::Descriptor& type = *v1::DaemonJobStatus::descriptor();
  const google::protobuf::Reflection& reflection = *status.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type.field(i);
    if (field->is_repeated()) {
      reflection.AddMessage(&status, field);
    } else if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      reflection.MutableMessage(&status, field);
    } else if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_INT64) {
      reflection.SetInt64(&status, field, 7);
    } else {
      ASSERT_EQ(field->cpp_type(), google::protobuf::FieldDescriptor::CPPTYPE_INT32)
          << field->name();
      reflection.SetInt32(&status, field, 7);
    }
  }
  const v1::DaemonJobStatus head = WithoutRecords(status);
  status.clear_nodes();
  EXPECT_EQ(head.SerializeAsString(), status.SerializeAsString());
}

TEST_F(JobStatusTest, ObservesTheGeneration) {
  job_.mutable_metadata()->set_generation(4);
  Update({1, 0, 0, 0, 0});
  EXPECT_EQ(job_.status().observed_generation(), 4);
}

}  // namespace
}  // namespace muster::coordinator
