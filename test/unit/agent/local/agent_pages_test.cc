#include "agent/local/agent_pages.h"

#include <chrono>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/fakes/fake_runtime.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class AgentPagesTest : public ::testing::Test {
 protected:
  AgentPagesTest() {
    report_.node_name = "node-1";
    report_.pods = {{.namespace_ = "ns",
                     .name = "a",
                     .containers = {{.name = "web", .id = "c1", .state = "running"}}}};
  }
  HttpServer::Reply Reply() {
    return [this](const HttpAnswer& answer) {
      ++answers_;
      answer_ = answer;
      loop_->Quit();
    };
  }

  const SystemClock clock_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  FakeRuntime runtime_{clock_};
  CallStats calls_;
  NodeReport report_;
  AgentPages pages_{*loop_,
                    clock_,
                    {[this] { return report_; }, [] { return NodeTallies(); }, runtime_, calls_},
                    milliseconds(50)};
  int answers_ = 0;
  HttpAnswer answer_;
};

TEST_F(AgentPagesTest, StatusIsTheReportAndOnlyForTheSocket) {
  pages_.Serve("/status", Reply());
  EXPECT_EQ(answer_.status, 200);
  EXPECT_EQ(answer_.content_type, "application/json");
  EXPECT_EQ(*NodeReportFromJson(answer_.body), report_);
  pages_.ServeMetrics("/status", Reply());
  EXPECT_EQ(answer_.status, 404);
  pages_.Serve("/healthz", Reply());
  EXPECT_EQ(answer_.body, "ok\n");
  pages_.Serve("/else", Reply());
  EXPECT_EQ(answer_.status, 404);
  EXPECT_THAT(runtime_.journal(), testing::IsEmpty()) << "nobody wanted to know what is used";
}

TEST_F(AgentPagesTest, MetricsWaitForWhatContainersUse) {
  pages_.Serve("/metrics", Reply());
  EXPECT_EQ(answers_, 0);
  runtime_.RunPending();
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_EQ(answers_, 1);
  EXPECT_THAT(answer_.body, HasSubstr("muster_agent_container_stats_up 1"));
}

TEST_F(AgentPagesTest, RuntimeThatHangsIsNotWaitedForForEver) {
  pages_.ServeMetrics("/metrics", Reply());
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_EQ(answers_, 1);
  EXPECT_THAT(answer_.body, HasSubstr("muster_agent_container_stats_up 0"));
  EXPECT_THAT(answer_.body, HasSubstr("muster_agent_pods_ready"));
  // Its answer comes to nobody, now.
  runtime_.RunPending();
  EXPECT_EQ(answers_, 1);
}

}  // namespace
}  // namespace muster::agent
