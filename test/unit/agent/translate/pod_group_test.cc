// pod-lifecycle.md, 17.2: what the control groups of pods and of their classes are to have.
#include "agent/translate/pod_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/translate/resources.h"
#include "agent/translate/translate.h"
#include "test/unit/agent/translate/fixtures.h"

namespace muster::agent {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Requests and limits as "cpu/memory"; "-" is none.
struct Wanted {
  const char* requests;
  const char* limits;
};

void Set(const std::string& text, google::protobuf::Map<std::string, v1::Quantity>& amounts) {
  const std::string cpu = text.substr(0, text.find('/')), memory = text.substr(text.find('/') + 1);
  if (cpu != "-") amounts["cpu"].set_text(cpu);
  if (memory != "-") amounts["memory"].set_text(memory);
}

void Set(const Wanted& wanted, v1::Container& container) {
  container.set_name("c");
  Set(wanted.requests, *container.mutable_resources()->mutable_requests());
  Set(wanted.limits, *container.mutable_resources()->mutable_limits());
}

struct Case {
  const char* what;
  std::vector<Wanted> containers, init, sidecars;
  const char* overhead;
  int64_t shares, quota, memory;
};

class PodGroupRules : public ::testing::TestWithParam<Case> {};

// Spec: pod/17.2/values
TEST_P(PodGroupRules, SumOfItsContainersAsKubernetesHasIt) {
  const Case& c = GetParam();
  v1::Pod pod;
  for (const Wanted& wanted : c.containers) Set(wanted, *pod.mutable_spec()->add_containers());
  for (const Wanted& wanted : c.sidecars) {
    v1::Container& sidecar = *pod.mutable_spec()->add_init_containers();
    Set(wanted, sidecar);
    sidecar.set_restart_policy("Always");
  }
  for (const Wanted& wanted : c.init) Set(wanted, *pod.mutable_spec()->add_init_containers());
  Set(c.overhead, *pod.mutable_spec()->mutable_overhead());
  const LinuxResources values = PodGroupValues(pod, MakeNode());
  EXPECT_EQ(values.cpu_shares, c.shares);
  EXPECT_EQ(values.cpu_quota_us, c.quota);
  EXPECT_EQ(values.cpu_period_us, c.quota == 0 ? 0 : 100'000);
  EXPECT_EQ(values.memory_limit_bytes, c.memory);
  EXPECT_EQ(values.oom_score_adj, 0);
}

constexpr int64_t kMi = 1 << 20;
INSTANTIATE_TEST_SUITE_P(
    Kubernetes, PodGroupRules,
    ::testing::Values(
        Case{"best effort", {{"-/-", "-/-"}}, {}, {}, "-/-", 2, 0, 0},
        Case{"requests only", {{"500m/64Mi", "-/-"}}, {}, {}, "-/-", 512, 0, 0},
        Case{"memory only", {{"-/64Mi", "-/-"}}, {}, {}, "-/-", 2, 0, 0},
        Case{"guaranteed", {{"1/64Mi", "1/64Mi"}}, {}, {}, "-/-", 1024, 100'000, 64 * kMi},
        Case{"two limited",
             {{"100m/8Mi", "200m/16Mi"}, {"300m/8Mi", "400m/32Mi"}},
             {},
             {},
             "-/-",
             409,
             60'000,
             48 * kMi},
        Case{"one without a limit of cpu",
             {{"100m/8Mi", "200m/16Mi"}, {"300m/8Mi", "-/32Mi"}},
             {},
             {},
             "-/-",
             409,
             0,
             48 * kMi},
        Case{"one without a limit of memory",
             {{"100m/8Mi", "200m/16Mi"}, {"300m/8Mi", "1/-"}},
             {},
             {},
             "-/-",
             409,
             120'000,
             0},
        Case{"a large init container",
             {{"100m/8Mi", "100m/8Mi"}},
             {{"1/64Mi", "2/64Mi"}},
             {},
             "-/-",
             1024,
             200'000,
             64 * kMi},
        Case{"an init container without limits",
             {{"100m/8Mi", "100m/8Mi"}},
             {{"-/-", "-/-"}},
             {},
             "-/-",
             102,
             0,
             0},
        Case{"a sidecar counts on",
             {{"100m/8Mi", "100m/8Mi"}},
             {},
             {{"100m/8Mi", "100m/8Mi"}},
             "-/-",
             204,
             20'000,
             16 * kMi},
        Case{"beside a sidecar",
             {{"100m/8Mi", "100m/8Mi"}},
             {{"1/8Mi", "1/8Mi"}},
             {{"100m/8Mi", "100m/8Mi"}},
             "-/-",
             1126,
             110'000,
             16 * kMi},
        Case{"overhead", {{"100m/8Mi", "100m/8Mi"}}, {}, {}, "100m/2Mi", 204, 20'000, 10 * kMi},
        Case{"the least quota", {{"1m/8Mi", "1m/8Mi"}}, {}, {}, "-/-", 2, 1'000, 8 * kMi}),
    [](const auto& info) {
      std::string name = info.param.what;
      for (char& c : name) c = c == ' ' ? '_' : c;
      return name;
    });

// Spec: pod/17.2/values
TEST(PodGroup, HugePagesAreThoseOfItsContainersAndNoOthers) {
  NodeContext node = MakeNode();
  v1::Pod pod = MakePod();
  EXPECT_THAT(PodGroupValues(pod, node).hugepage_limit_bytes, IsEmpty());
  node.hugepage_sizes = {"2Mi", "1Gi"};
  for (int i = 0; i < 2; ++i) {
    v1::Container& container =
        i == 0 ? *pod.mutable_spec()->mutable_containers(0) : *pod.mutable_spec()->add_containers();
    (*container.mutable_resources()->mutable_limits())["hugepages-2Mi"].set_text("4Mi");
  }
  EXPECT_THAT(PodGroupValues(pod, node).hugepage_limit_bytes,
              UnorderedElementsAre(Pair("2MB", 8u << 20), Pair("1GB", 0u)));
}

// Spec: pod/17.2/values
TEST(PodGroup, ClassesHaveWhatTheirPodsAskForTogether) {
  NodeContext node = MakeNode();
  node.allocatable["cpu"].set_text("3500m");
  EXPECT_THAT(ClassGroupValues({}, node), IsEmpty());
  v1::Pod best_effort = MakePod(), small = MakePod(), large = MakePod(), guaranteed = MakePod();
  Set(Wanted{"100m/-", "-/-"}, *small.mutable_spec()->mutable_containers(0));
  Set(Wanted{"400m/-", "-/-"}, *large.mutable_spec()->mutable_containers(0));
  Set(Wanted{"2/1Gi", "2/1Gi"}, *guaranteed.mutable_spec()->mutable_containers(0));
  const auto shares = [&node](const std::vector<const v1::Pod*>& pods) {
    std::map<std::string, int64_t> result;
    for (const auto& [path, values] : ClassGroupValues(pods, node)) {
      LinuxResources only_shares;
      only_shares.cpu_shares = values.cpu_shares;
      EXPECT_EQ(values, only_shares) << path;
      result[path] = values.cpu_shares;
    }
    return result;
  };
  EXPECT_THAT(shares({&best_effort}),
              UnorderedElementsAre(Pair("/kubepods", 3584), Pair("/kubepods/burstable", 2),
                                   Pair("/kubepods/besteffort", 2)));
  EXPECT_THAT(shares({&best_effort, &small, &large, &guaranteed}),
              UnorderedElementsAre(Pair("/kubepods", 3584), Pair("/kubepods/burstable", 512),
                                   Pair("/kubepods/besteffort", 2)));
  node.systemd_cgroups = true;
  EXPECT_THAT(shares({&small}), UnorderedElementsAre(Pair("kubepods.slice", 3584),
                                                     Pair("kubepods-burstable.slice", 102),
                                                     Pair("kubepods-besteffort.slice", 2)));
}

// Spec: pod/24/sandbox-linux
TEST(PodGroup, SandboxIsToldWhatItsContainersHaveAndWhatItCosts) {
  v1::Pod pod = MakePod();
  Set(Wanted{"100m/8Mi", "200m/16Mi"}, *pod.mutable_spec()->mutable_containers(0));
  Set("50m/4Mi", *pod.mutable_spec()->mutable_overhead());
  const auto config = MakeSandboxConfig(pod, 0, MakeNode());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->resources.cpu_shares, 102);
  EXPECT_EQ(config->resources.cpu_quota_us, 20'000);
  EXPECT_EQ(config->resources.memory_limit_bytes, 16 * kMi);
  EXPECT_EQ(config->overhead.cpu_quota_us, 5'000);
  EXPECT_EQ(config->overhead.memory_limit_bytes, 4 * kMi);
  EXPECT_EQ(MakeSandboxConfig(MakePod(), 0, MakeNode())->overhead, LinuxResources());
}

TEST(PodGroup, ItsTextTellsValuesApart) {
  LinuxResources values;
  values.cpu_shares = 2;
  const std::string before = DescribeGroup("/kubepods/podx", values);
  EXPECT_EQ(before, "/kubepods/podx shares=2");
  values.cpu_quota_us = 1000;
  values.memory_limit_bytes = 4096;
  values.hugepage_limit_bytes["2MB"] = 0;
  EXPECT_EQ(DescribeGroup("/kubepods/podx", values),
            "/kubepods/podx shares=2 quota=1000 memory=4096 2MB=0");
}

}  // namespace
}  // namespace muster::agent
