#include "coordinator/daemonset/pod_factory.h"

#include <set>
#include <string>

#include "coordinator/daemonset/pod_facts.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"
#include "test/unit/coordinator/placement/parse.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Pair;
using testing::UnorderedElementsAre;

bool NoneTaken(const std::string&) { return false; }

// Spec: 2/name
TEST(PodName, IsTheDaemonSetsNameAndFiveCharactersThatFormNoWord) {
  const RandomBits random = Seeded(7);
  std::set<std::string> names;
  for (int i = 0; i < 200; ++i) {
    const absl::StatusOr<std::string> name = DrawPodName("web", random, NoneTaken);
    ASSERT_TRUE(name.ok());
    EXPECT_THAT(*name, MatchesRegex("web-[bcdfghjklmnpqrstvwxz2456789]+"));
    EXPECT_EQ(name->size(), 9u);
    names.insert(*name);
  }
  EXPECT_GT(names.size(), 195u);
}

// Spec: 2/name
TEST(PodName, IsCutTo63Characters) {
  const std::string daemon_set(80, 'a');
  const absl::StatusOr<std::string> name = DrawPodName(daemon_set, Seeded(7), NoneTaken);
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->size(), 63u);
  EXPECT_EQ(name->substr(0, 58), daemon_set.substr(0, 58));
}

// Spec: 2/name
TEST(PodName, IsDrawnAgainOnAClashUpToEightTimes) {
  int asked = 0;
  const absl::StatusOr<std::string> eighth =
      DrawPodName("web", Seeded(7), [&](const std::string&) { return ++asked < 8; });
  EXPECT_TRUE(eighth.ok());
  EXPECT_EQ(asked, 8);
  asked = 0;
  const absl::StatusOr<std::string> none = DrawPodName("web", Seeded(7), [&](const std::string&) {
    ++asked;
    return true;
  });
  EXPECT_TRUE(absl::IsResourceExhausted(none.status()));
  EXPECT_EQ(asked, 8);
}

// Spec: 2/generate-name
TEST(PodNamePrefix, HasNoDashWhenTheNameWouldBeTooLong) {
  EXPECT_EQ(PodNamePrefix("web"), "web-");
  EXPECT_EQ(PodNamePrefix(std::string(252, 'a')), std::string(252, 'a') + "-");
  EXPECT_EQ(PodNamePrefix(std::string(253, 'a')), std::string(253, 'a'));
}

// Spec: 2/generate-name, 2/namespace, 2/labels, 2/annotations-finalizers
TEST(MakePod, CopiesLabelsAnnotationsAndFinalizersOfTheTemplateOnly) {
  v1::DaemonSet daemon_set = DaemonSetNamed("web");
  (*daemon_set.mutable_metadata()->mutable_labels())["of"] = "the daemon set";
  v1::ObjectMeta& meta = *daemon_set.mutable_spec()->mutable_template_()->mutable_metadata();
  (*meta.mutable_annotations())["note"] = "hello";
  meta.add_finalizers("example.org/hold");
  const absl::StatusOr<v1::Pod> pattern = MakePodPattern(daemon_set, "5d7f", {});
  ASSERT_TRUE(pattern.ok());
  const v1::Pod pod = MakePod(*pattern, "web-abcde", "node-1");
  EXPECT_EQ(pod.metadata().name(), "web-abcde");
  EXPECT_EQ(pod.metadata().generate_name(), "web-");
  EXPECT_EQ(pod.metadata().namespace_(), "default");
  EXPECT_THAT(pod.metadata().labels(),
              UnorderedElementsAre(Pair("app", "web"), Pair("controller-revision-hash", "5d7f"),
                                   Pair("pod-template-generation", "1")));
  EXPECT_THAT(pod.metadata().annotations(), UnorderedElementsAre(Pair("note", "hello")));
  EXPECT_THAT(pod.metadata().finalizers(), ElementsAre("example.org/hold"));
}

// Spec: 2/owner
TEST(MakePod, IsOwnedByTheDaemonSet) {
  const v1::Pod pod =
      MakePod(*MakePodPattern(DaemonSetNamed("web"), "5d7f", {}), "web-abcde", "node-1");
  ASSERT_EQ(pod.metadata().owner_references_size(), 1);
  const v1::OwnerReference& owner = pod.metadata().owner_references(0);
  EXPECT_EQ(owner.api_version(), "apps/v1");
  EXPECT_EQ(owner.kind(), "DaemonSet");
  EXPECT_EQ(owner.name(), "web");
  EXPECT_EQ(owner.uid(), "uid-of-web");
  EXPECT_TRUE(owner.controller());
  EXPECT_TRUE(owner.block_owner_deletion());
}

// Spec: 2/affinity, 2/node-name
TEST(MakePod, ReplacesOnlyTheRequiredNodeAffinity) {
  v1::DaemonSet daemon_set = DaemonSetNamed("web");
  v1::PodSpec& spec = *daemon_set.mutable_spec()->mutable_template_()->mutable_spec();
  spec.MergeFrom(Parse<v1::PodSpec>(R"(
      node_selector { key: 'disk' value: 'ssd' }
      affinity {
        node_affinity {
          required_during_scheduling_ignored_during_execution {
            node_selector_terms { match_expressions { key: 'a' operator: 'Exists' } }
            node_selector_terms { match_expressions { key: 'b' operator: 'Exists' } }
          }
          preferred_during_scheduling_ignored_during_execution { weight: 5 }
        }
        pod_anti_affinity {}
      })"));
  const v1::Pod pod = MakePod(*MakePodPattern(daemon_set, "h", {}), "web-abcde", "node-1");
  EXPECT_EQ(pod.spec().affinity().SerializeAsString(), Parse<v1::Affinity>(R"(
      node_affinity {
        required_during_scheduling_ignored_during_execution {
          node_selector_terms {
            match_fields { key: 'metadata.name' operator: 'In' values: 'node-1' }
          }
        }
        preferred_during_scheduling_ignored_during_execution { weight: 5 }
      }
      pod_anti_affinity {})")
                                                           .SerializeAsString());
  EXPECT_EQ(pod.spec().node_selector().at("disk"), "ssd");
  EXPECT_EQ(pod.spec().node_name(), "");
  EXPECT_EQ(TargetNode(pod.spec()), "node-1");
}

// Spec: 2/tolerations, 2/the-rest, 8.3/requests-from-limits, 8.3/host-ports
// Spec: 8.3/no-300s-tolerations, 11.1/default-eviction
TEST(MakePod, HasDaemonTolerationsAndPodLevelDefaults) {
  v1::DaemonSet daemon_set = DaemonSetNamed("web");
  v1::PodSpec& spec = *daemon_set.mutable_spec()->mutable_template_()->mutable_spec();
  spec.set_host_network(true);
  spec.mutable_containers(0)->add_ports()->set_container_port(80);
  (*spec.mutable_containers(0)->mutable_resources()->mutable_limits())["cpu"].set_text("1");
  const v1::Pod pod = MakePod(*MakePodPattern(daemon_set, "h", {}), "web-abcde", "node-1");
  EXPECT_EQ(pod.spec().tolerations_size(), 7);
  EXPECT_EQ(pod.spec().containers(0).ports(0).host_port(), 80);
  EXPECT_EQ(pod.spec().containers(0).resources().requests().at("cpu").text(), "1");
  EXPECT_EQ(pod.status().phase(), "Pending");
  EXPECT_EQ(pod.status().qos_class(), "Burstable");
  EXPECT_EQ(pod.spec().priority(), 0);
}

TEST(MakePod, ZeroGapOfTheDaemonSetUnlessTheTemplateSaysOtherwise) {
  v1::DaemonSet daemon_set = DaemonSetNamed("web");
  const std::string key = "muster.dev/zero-gap";
  (*daemon_set.mutable_metadata()->mutable_annotations())[key] = "true";
  EXPECT_EQ(MakePodPattern(daemon_set, "h", {})->metadata().annotations().at(key), "true");
  (*daemon_set.mutable_spec()
        ->mutable_template_()
        ->mutable_metadata()
        ->mutable_annotations())[key] = "false";
  EXPECT_EQ(MakePodPattern(daemon_set, "h", {})->metadata().annotations().at(key), "false");
}

v1::PriorityClass ClassNamed(const std::string& name, int value, bool global) {
  v1::PriorityClass result;
  result.mutable_metadata()->set_name(name);
  result.set_value(value);
  result.set_global_default(global);
  return result;
}

// Spec: 10.3/builtin-classes
TEST(MakePod, TakesItsPriorityFromTheClass) {
  const PriorityClasses classes = {{"high", ClassNamed("high", 1000, false)},
                                   {"usual", ClassNamed("usual", 7, true)}};
  struct {
    const char* wanted;
    int32_t priority;
    const char* class_name;
  } const cases[] = {
      {"high", 1000, "high"},
      {"", 7, "usual"},  // The global default.
      {"system-node-critical", 2000001000, "system-node-critical"},
      {"system-cluster-critical", 2000000000, "system-cluster-critical"},
  };
  for (const auto& each : cases) {
    v1::DaemonSet daemon_set = DaemonSetNamed("web");
    daemon_set.mutable_spec()->mutable_template_()->mutable_spec()->set_priority_class_name(
        each.wanted);
    const absl::StatusOr<v1::Pod> pod = MakePodPattern(daemon_set, "h", classes);
    ASSERT_TRUE(pod.ok()) << each.wanted;
    EXPECT_EQ(pod->spec().priority(), each.priority) << each.wanted;
    EXPECT_EQ(pod->spec().priority_class_name(), each.class_name) << each.wanted;
  }
}

// Spec: 10.3/unknown-class
TEST(MakePod, FailsWhenThePriorityClassDoesNotExist) {
  v1::DaemonSet daemon_set = DaemonSetNamed("web");
  daemon_set.mutable_spec()->mutable_template_()->mutable_spec()->set_priority_class_name("gone");
  const absl::StatusOr<v1::Pod> pod = MakePodPattern(daemon_set, "h", {});
  EXPECT_TRUE(absl::IsNotFound(pod.status()));
  EXPECT_THAT(std::string(pod.status().message()),
              HasSubstr("no PriorityClass with name gone was found"));
}

}  // namespace
}  // namespace muster::coordinator
