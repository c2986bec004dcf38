#include "common/model/resources.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace muster::model {
namespace {

using Amounts = std::vector<std::pair<std::string, std::string>>;

v1::Container MakeContainer(const Amounts& requests, const Amounts& limits = {},
                            bool sidecar = false) {
  v1::Container container;
  for (const auto& [name, text] : requests) {
    (*container.mutable_resources()->mutable_requests())[name].set_text(text);
  }
  for (const auto& [name, text] : limits) {
    (*container.mutable_resources()->mutable_limits())[name].set_text(text);
  }
  if (sidecar) container.set_restart_policy("Always");
  return container;
}

v1::PodSpec MakePod(const std::vector<v1::Container>& containers,
                    const std::vector<v1::Container>& inits = {}) {
  v1::PodSpec pod;
  for (const auto& each : containers) *pod.add_containers() = each;
  for (const auto& each : inits) *pod.add_init_containers() = each;
  return pod;
}

std::string CpuRequest(const v1::PodSpec& pod) { return PodRequests(pod)["cpu"].ToString(); }

v1::Container Cpu(const char* text) { return MakeContainer({{"cpu", text}}); }
v1::Container CpuSidecar(const char* text) { return MakeContainer({{"cpu", text}}, {}, true); }

// Spec: 10.1/pod-request
TEST(PodRequests, SumsRegularContainers) {
  EXPECT_EQ(CpuRequest(MakePod({Cpu("100m"), Cpu("1")})), "1100m");
  EXPECT_TRUE(PodRequests(MakePod({MakeContainer({})})).empty());
}

// Spec: 10.1/pod-request
TEST(PodRequests, ALargerInitContainerCounts) {
  EXPECT_EQ(CpuRequest(MakePod({Cpu("100m")}, {Cpu("50m"), Cpu("2"), Cpu("1")})), "2");
  EXPECT_EQ(CpuRequest(MakePod({Cpu("3")}, {Cpu("2")})), "3");
}

// Spec: 10.1/pod-request
TEST(PodRequests, SidecarsCountWithContainersAndWithLaterInitContainers) {
  EXPECT_EQ(CpuRequest(MakePod({Cpu("1")}, {CpuSidecar("200m")})), "1200m");
  EXPECT_EQ(CpuRequest(MakePod({Cpu("100m")}, {CpuSidecar("200m"), Cpu("1")})), "1200m");
  EXPECT_EQ(CpuRequest(MakePod({Cpu("100m")}, {Cpu("1"), CpuSidecar("200m")})), "1");
}

// Spec: 10.1/pod-request
TEST(PodRequests, ThePodsOwnRequestsWinForCpuAndMemoryOnly) {
  v1::PodSpec pod = MakePod({MakeContainer({{"cpu", "1"}, {"acme/device", "2"}})});
  (*pod.mutable_resources()->mutable_requests())["cpu"].set_text("500m");
  (*pod.mutable_resources()->mutable_requests())["acme/device"].set_text("9");
  (*pod.mutable_resources()->mutable_requests())["hugepages-2Mi"].set_text("4Mi");
  EXPECT_EQ(CpuRequest(pod), "500m");
  EXPECT_EQ(PodRequests(pod)["acme/device"].Value(), 2);
  EXPECT_EQ(PodRequests(pod)["hugepages-2Mi"].ToString(), "4Mi");
}

// Spec: 10.1/pod-request
TEST(PodRequests, OverheadIsAddedLastAndLimitsNever) {
  v1::PodSpec pod = MakePod({MakeContainer({{"cpu", "1"}}, {{"cpu", "8"}, {"memory", "1Gi"}})});
  (*pod.mutable_overhead())["cpu"].set_text("250m");
  EXPECT_EQ(CpuRequest(pod), "1250m");
  EXPECT_EQ(PodRequests(pod).count("memory"), 0u);
}

// Spec: pod/17.1/qos
TEST(QosClass, FollowsKubernetesRules) {
  const Amounts both = {{"cpu", "1"}, {"memory", "1Gi"}};
  struct Case {
    const char* rule;
    v1::PodSpec pod;
    const char* expected;
  };
  for (const Case& c : std::vector<Case>{
           {"nothing set", MakePod({MakeContainer({})}), "BestEffort"},
           {"only zero amounts", MakePod({MakeContainer({{"cpu", "0"}})}), "BestEffort"},
           {"only other resources", MakePod({MakeContainer({{"acme/device", "1"}})}), "BestEffort"},
           {"requests equal limits", MakePod({MakeContainer(both, both)}), "Guaranteed"},
           {"requests below limits", MakePod({MakeContainer({{"cpu", "1"}}, both)}), "Burstable"},
           {"limits without memory", MakePod({MakeContainer({{"cpu", "1"}}, {{"cpu", "1"}})}),
            "Burstable"},
           {"one container without limits", MakePod({MakeContainer(both, both), MakeContainer({})}),
            "Burstable"},
           {"an init container without limits",
            MakePod({MakeContainer(both, both)}, {MakeContainer({{"cpu", "1"}})}), "Burstable"},
           {"equal by value",
            MakePod({MakeContainer({{"cpu", "1000m"}, {"memory", "1024Mi"}}, both)}), "Guaranteed"},
       }) {
    EXPECT_EQ(QosClass(c.pod), c.expected) << c.rule;
  }
}

TEST(ToAmounts, CountsTextsThatAreNoQuantitiesAsZero) {
  ResourceMap resources;
  resources["cpu"].set_text("much");
  EXPECT_TRUE(ToAmounts(resources)["cpu"].IsZero());
}

}  // namespace
}  // namespace muster::model
