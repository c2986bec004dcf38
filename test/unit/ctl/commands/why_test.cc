#include "ctl/commands/why.h"

#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "test/unit/ctl/commands/fake_admin_client.h"

namespace muster::ctl {
namespace {

class WhyTest : public ::testing::Test {
 protected:
  int Run(std::vector<std::string> arguments, const std::string& node = "") {
    out_.str("");
    err_.str("");
    return RunWhy(context_, {std::move(arguments), node});
  }
  admin::v1::WhyAnswer& Answer(const std::string& node, const std::string& line) {
    admin::v1::WhyAnswer& answer = *client_.why_response.add_answers();
    answer.set_node(node);
    answer.set_line(line);
    return answer;
  }

  FakeAdminClient client_;
  std::istringstream in_;
  std::ostringstream out_, err_;
  Context context_{.client = [this]() -> absl::StatusOr<AdminClient*> { return &client_; },
                   .server = "unix:/s",
                   .in = in_,
                   .out = out_,
                   .err = err_};
};

TEST_F(WhyTest, TheCauseFirstThenTheDetailsAndTheLog) {
  admin::v1::WhyAnswer& answer = Answer("node-1", "crash-looping: container main");
  answer.add_details("pod: default/web-1");
  answer.set_log_pod("web-1");
  answer.set_log_container("main");
  EXPECT_EQ(Run({"ds/web"}, "node-1"), kExitDone);
  EXPECT_EQ(out_.str(),
            "crash-looping: container main\n"
            "  pod: default/web-1\n"
            "  last log lines of container main:\n"
            "    hello\n");
  ASSERT_EQ(client_.why_requests.size(), 1u);
  EXPECT_EQ(client_.why_requests[0].ref().resource(), "daemonsets");
  EXPECT_EQ(client_.why_requests[0].ref().name(), "web");
  EXPECT_EQ(client_.why_requests[0].node(), "node-1");
  ASSERT_EQ(client_.logs.size(), 1u);
  EXPECT_EQ(client_.logs[0].pod(), "web-1");
  EXPECT_EQ(client_.logs[0].tail_lines(), 5);
}

TEST_F(WhyTest, OfAllNodesALineEach) {
  Answer("node-1", "running: pod default/web-1 is ready").add_details("not shown");
  Answer("b", "node lost: b has been silent for 2m");
  EXPECT_EQ(Run({"ds", "web"}), kExitDone);
  EXPECT_EQ(out_.str(),
            "node-1   running: pod default/web-1 is ready\n"
            "b        node lost: b has been silent for 2m\n");
}

TEST_F(WhyTest, OfAPodWithoutANode) {
  Answer("a", "running: pod default/web-1 is ready");
  EXPECT_EQ(Run({"pod/web-1"}), kExitDone);
  EXPECT_EQ(out_.str(), "running: pod default/web-1 is ready\n");
  EXPECT_EQ(Run({"pod/web-1"}, "a"), kExitUsage);
  EXPECT_EQ(Run({"ds"}), kExitUsage);
  EXPECT_EQ(client_.why_requests.size(), 1u);
}

TEST_F(WhyTest, SaysWhatTheCoordinatorRefuses) {
  client_.next_error = absl::NotFoundError("daemonsets.apps \"web\" not found");
  EXPECT_EQ(Run({"ds/web"}), kExitError);
  EXPECT_NE(err_.str().find("daemonsets.apps \"web\" not found"), std::string::npos);
}

}  // namespace
}  // namespace muster::ctl
