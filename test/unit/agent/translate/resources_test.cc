#include "agent/translate/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/agent/translate/fixtures.h"

namespace muster::agent {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class ResourcesTest : public ::testing::Test {
 protected:
  LinuxResources Made() const { return *MakeResources(pod_, pod_.spec().containers(0), node_); }
  v1::Container& Main() { return *pod_.mutable_spec()->mutable_containers(0); }
  static void Set(v1::Container& container, const std::string& resource, const char* request,
                  const char* limit) {
    v1::ResourceRequirements& resources = *container.mutable_resources();
    if (*request != '\0') (*resources.mutable_requests())[resource].set_text(request);
    if (*limit != '\0') (*resources.mutable_limits())[resource].set_text(limit);
  }

  v1::Pod pod_ = MakePod();
  NodeContext node_ = MakeNode();
};

// Spec: pod/17.1/swap
TEST_F(ResourcesTest, MemoryIsNotMadeUpForBySwap) {
  Set(Main(), "memory", "", "64Mi");
  EXPECT_EQ(Made().memory_swap_limit_bytes, 0) << "the kernel does not count it";
  node_.swap_accounting = true;
  EXPECT_EQ(Made().memory_limit_bytes, 64 << 20);
  EXPECT_EQ(Made().memory_swap_limit_bytes, 64 << 20);
  Main().clear_resources();
  EXPECT_EQ(Made().memory_swap_limit_bytes, 0) << "there is no limit";
}

// Spec: pod/17.1/oom-group
TEST_F(ResourcesTest, ContainersDieAsAWholeWhereTheKernelCan) {
  EXPECT_THAT(Made().unified, IsEmpty()) << "control groups v1 refuse it";
  node_.cgroup_v2 = true;
  EXPECT_THAT(Made().unified, UnorderedElementsAre(Pair("memory.oom.group", "1")));
}

// Spec: pod/17.1/hugepages
TEST_F(ResourcesTest, HugePagesAreForThoseWhoAskForThem) {
  node_.hugepage_sizes = {"2Mi", "1Gi"};
  EXPECT_THAT(Made().hugepage_limit_bytes, UnorderedElementsAre(Pair("2MB", 0u), Pair("1GB", 0u)));
  Set(Main(), "hugepages-2Mi", "4Mi", "4Mi");
  EXPECT_THAT(Made().hugepage_limit_bytes,
              UnorderedElementsAre(Pair("2MB", 4u << 20), Pair("1GB", 0u)));
}

// Spec: pod/17.1/oom-score-sidecar
TEST_F(ResourcesTest, SidecarIsNotKilledBeforeThoseItServes) {
  v1::Container& sidecar = *pod_.mutable_spec()->add_init_containers();
  sidecar.set_name("proxy");
  sidecar.set_restart_policy("Always");
  const auto score = [&] { return MakeResources(pod_, sidecar, node_)->oom_score_adj; };
  Set(Main(), "memory", "1Gi", "");
  EXPECT_EQ(score(), 875) << "as the container that it serves";
  Set(sidecar, "memory", "2Gi", "");
  EXPECT_EQ(score(), 750) << "it has more itself";
  v1::Container& second = *pod_.mutable_spec()->add_containers();
  second.set_name("second");
  sidecar.clear_resources();
  EXPECT_EQ(score(), 999) << "the smallest counts, which asked for nothing";
  Set(second, "memory", "", "512Mi");
  EXPECT_EQ(score(), 938);
  sidecar.clear_restart_policy();
  EXPECT_EQ(score(), 999) << "one that comes to its end is none";
}

// Spec: pod/17.2/guaranteed-and-burstable
TEST_F(ResourcesTest, EveryClassHasItsPlace) {
  Set(Main(), "memory", "64Mi", "");
  EXPECT_EQ(CgroupParent(pod_, node_), "/kubepods/burstable/pod0f3c-77");
  node_.systemd_cgroups = true;
  EXPECT_EQ(CgroupParent(pod_, node_), "kubepods-burstable-pod0f3c_77.slice");
  Set(Main(), "memory", "64Mi", "64Mi");
  Set(Main(), "cpu", "1", "1");
  EXPECT_EQ(CgroupParent(pod_, node_), "kubepods-pod0f3c_77.slice");
  node_.systemd_cgroups = false;
  EXPECT_EQ(CgroupParent(pod_, node_), "/kubepods/pod0f3c-77");
}

}  // namespace
}  // namespace muster::agent
