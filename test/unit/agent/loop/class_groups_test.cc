// pod-lifecycle.md, 17.2: control groups of pods and of their classes over the life of a node.
#include "agent/loop/class_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Key;

v1::Object Requesting(const std::string& uid, const std::string& cpu) {
  v1::Object object = PodObject("pod-" + uid, uid);
  (*object.mutable_pod()
        ->mutable_spec()
        ->mutable_containers(0)
        ->mutable_resources()
        ->mutable_requests())["cpu"]
      .set_text(cpu);
  return object;
}

class GroupsOfANode : public ::testing::Test {
 protected:
  int64_t Shares(const std::string& path) {
    const auto found = h.host.groups.find(path);
    return found == h.host.groups.end() ? 0 : found->second.cpu_shares;
  }

  NodeHarness h;
};

// Spec: pod/17.2/values
TEST_F(GroupsOfANode, FollowThePodsOnIt) {
  h.Settle();
  h.Welcome({});
  EXPECT_THAT(h.host.groups, IsEmpty()) << "there are no pods";
  h.Assign({Requesting("a", "250m"), Requesting("b", "500m"), PodObject("c", "c")});
  h.Run(seconds(1));
  EXPECT_EQ(Shares("/kubepods/burstable/poda"), 256);
  EXPECT_EQ(Shares("/kubepods/burstable/podb"), 512);
  EXPECT_EQ(Shares("/kubepods/besteffort/podc"), 2);
  EXPECT_EQ(Shares("/kubepods/burstable"), 768);
  EXPECT_EQ(Shares("/kubepods/besteffort"), 2);
  EXPECT_EQ(Shares("/kubepods"), 4096) << "four CPUs";

  h.Assign({Deleted(Requesting("a", "250m"), 1)});
  h.Run(seconds(5));
  EXPECT_EQ(Shares("/kubepods/burstable"), 512);
  EXPECT_THAT(h.host.groups, ::testing::Not(Contains(Key("/kubepods/burstable/poda"))));

  // Somebody else's change does not last.
  h.host.groups["/kubepods/burstable"].cpu_shares = 7;
  h.Run(minutes(1));
  EXPECT_EQ(Shares("/kubepods/burstable"), 512);
}

// Spec: pod/17.2/values
TEST_F(GroupsOfANode, ANewAgentSetsThemAgain) {
  h.Settle();
  h.Welcome({Requesting("a", "250m")});
  h.Run(seconds(1));
  const int running = h.runtime.running_containers();
  h.host.groups.clear();
  h.RestartAgent();
  h.Run(seconds(2));
  EXPECT_EQ(Shares("/kubepods/burstable/poda"), 256);
  EXPECT_EQ(h.runtime.running_containers(), running);
}

// Spec: pod/17.2/values
TEST_F(GroupsOfANode, OneThatCannotBeMadeHoldsItsPodUpAndSaysWhy) {
  h.host.fail_groups = absl::PermissionDeniedError("cannot write 2 to cpu.shares");
  h.Settle();
  h.Welcome({PodObject("a", "a")});
  h.Run(seconds(1));
  EXPECT_THAT(h.runtime.sandboxes(), IsEmpty());
  EXPECT_THAT(h.Events(), Contains("FailedCreatePodContainer"));
  h.host.fail_groups = absl::OkStatus();
  h.Run(minutes(2));
  EXPECT_EQ(h.runtime.running_containers(), 1);
}

}  // namespace
}  // namespace muster::agent
