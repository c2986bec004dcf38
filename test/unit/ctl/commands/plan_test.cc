#include "ctl/commands/plan.h"

#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/ctl/commands/fake_admin_client.h"

namespace muster::ctl {
namespace {

using ::testing::HasSubstr;

constexpr char kManifest[] = R"(apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: busybox}]}
)";

class PlanTest : public ::testing::Test {
 protected:
  int Run(const std::string& manifest) {
    in_.str(manifest);
    return RunPlan(context_, {{"-"}});
  }
  static void AddNode(admin::v1::PlannedDaemonSet& planned, const std::string& node,
                      const std::string& action, const std::string& pod) {
    admin::v1::PlannedNode& added = *planned.add_nodes();
    added.set_node(node);
    added.set_action(action);
    added.set_pod(pod);
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

TEST_F(PlanTest, ALineForEachNodeAndTheSum) {
  admin::v1::PlannedDaemonSet& planned = *client_.plan_response.add_daemon_sets();
  planned.set_name("web");
  planned.set_outcome(admin::v1::ApplyResult::CONFIGURED);
  planned.set_pace("RollingUpdate, maxUnavailable 1 of 2 nodes");
  AddNode(planned, "node-1", "replace", "web-1");
  planned.mutable_nodes(0)->add_gets("main: busybox:2");
  planned.mutable_nodes(0)->add_gets("by override 0: tier=big");
  AddNode(planned, "node-2", "none", "");
  planned.mutable_nodes(1)->set_why("nodeSelector asks for a=b, the node has no label a");
  EXPECT_EQ(Run(kManifest), kExitDone) << err_.str();
  EXPECT_EQ(out_.str(),
            "daemonset.apps/web would be configured (RollingUpdate, maxUnavailable 1 of 2 nodes)\n"
            "  NODE     ACTION    POD     WHAT\n"
            "  node-1   replace   web-1   main: busybox:2\n"
            "                             by override 0: tier=big\n"
            "  node-2   none              nodeSelector asks for a=b, the node has no label a\n"
            "  in all: replace 1, none 1\n");
  ASSERT_EQ(client_.plan_requests.size(), 1u);
  EXPECT_EQ(client_.plan_requests[0].objects(0).daemon_set().metadata().namespace_(), "default");
}

TEST_F(PlanTest, SaysWhatIsWrongWithTheFile) {
  EXPECT_EQ(Run("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"), kExitNothingMatched);
  EXPECT_EQ(Run("apiVersion: apps/v1\nkind: DaemonSet\nspecc: {}\n"), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("specc"));
  EXPECT_TRUE(client_.plan_requests.empty());
}

}  // namespace
}  // namespace muster::ctl
