#include "coordinator/placement/fit.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/placement/parse.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kPorts[] = "node(s) didn't have free ports for the requested pod ports";

v1::Node NodeWith(const std::string& cpu, const std::string& memory, const std::string& pods) {
  return Parse<v1::Node>(
      "metadata { name: 'a' } status { allocatable { key: 'cpu' value { text: '" + cpu +
      "' } } allocatable { key: 'memory' value { text: '" + memory +
      "' } } allocatable { key: 'pods' value { text: '" + pods + "' } } }");
}

v1::Pod Asking(const std::string& cpu, const std::string& memory = "0") {
  return Parse<v1::Pod>(
      "spec { containers { name: 'c' resources { requests { key: 'cpu' value { "
      "text: '" +
      cpu + "' } } requests { key: 'memory' value { text: '" + memory + "' } } } } }");
}

v1::Pod WithPort(int port, const std::string& protocol = "TCP", const std::string& ip = "") {
  return Parse<v1::Pod>(
      "spec { containers { name: 'c' ports { container_port: 1 host_port: " + std::to_string(port) +
      " protocol: '" + protocol + "' host_ip: '" + ip + "' } } }");
}

// Spec: 10.1/fits, 10.1/texts
// Spec: pod/3/room
TEST(Fit, RequestsMayFillTheNodeExactly) {
  const v1::Pod there = Asking("600m", "1Gi");
  EXPECT_THAT(Fit(Asking("400m", "1Gi"), NodeWith("1", "2Gi", "10"), {&there}), IsEmpty());
  EXPECT_THAT(Fit(Asking("401m", "1Gi"), NodeWith("1", "2Gi", "10"), {&there}),
              ElementsAre("Insufficient cpu"));
  EXPECT_THAT(Fit(Asking("401m", "1025Mi"), NodeWith("1", "2Gi", "10"), {&there}),
              ElementsAre("Insufficient cpu", "Insufficient memory"));
}

// Spec: 10.1/fits
TEST(Fit, AResourceThatIsNotRequestedIsNotLookedAtOnAnOvercommittedNode) {
  const v1::Pod there = Asking("3");
  EXPECT_THAT(Fit(Asking("0", "1Gi"), NodeWith("1", "2Gi", "10"), {&there}), IsEmpty());
}

// Spec: 10.1/fits, 10.1/texts
// Spec: pod/3/unknown-resource, pod/25/devices
TEST(Fit, AnAbsentAllocatableIsZero) {
  v1::Pod pod = Asking("0");
  (*pod.mutable_spec()
        ->mutable_containers(0)
        ->mutable_resources()
        ->mutable_requests())["vendor.example/gpu"]
      .set_text("1");
  EXPECT_THAT(Fit(pod, NodeWith("1", "1Gi", "10"), {}),
              ElementsAre("Insufficient vendor.example/gpu"));
  EXPECT_THAT(Fit(Asking("0"), v1::Node(), {}), ElementsAre("Too many pods"));
}

// Spec: 10.1/fits, 10.1/texts
// Spec: pod/3/room
TEST(Fit, PodsAreCounted) {
  const v1::Pod there = Asking("0");
  EXPECT_THAT(Fit(Asking("0"), NodeWith("1", "1Gi", "2"), {&there}), IsEmpty());
  EXPECT_THAT(Fit(Asking("0"), NodeWith("1", "1Gi", "2"), {&there, &there}),
              ElementsAre("Too many pods"));
}

// Spec: 10.1/fits
TEST(Fit, PodsThatHaveEndedTakeNothingButTerminatingOnesStillDo) {
  v1::Pod ended = Asking("1");
  ended.mutable_status()->set_phase("Failed");
  EXPECT_THAT(Fit(Asking("1"), NodeWith("1", "1Gi", "1"), {&ended}), IsEmpty());
  v1::Pod terminating = Asking("1");
  terminating.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
  EXPECT_THAT(Fit(Asking("1"), NodeWith("1", "1Gi", "2"), {&terminating}),
              ElementsAre("Insufficient cpu"));
}

struct PortCase {
  const char* name;
  v1::Pod wanted;
  v1::Pod there;
  bool fits;
};

// Spec: 10.2/conflict
TEST(Fit, HostPortsOfOneNodeMustNotClash) {
  const PortCase cases[] = {
      {"same port", WithPort(80), WithPort(80), false},
      {"other port", WithPort(81), WithPort(80), true},
      {"other protocol", WithPort(80, "UDP"), WithPort(80), true},
      {"no protocol is TCP", WithPort(80, ""), WithPort(80), false},
      {"two addresses", WithPort(80, "TCP", "10.0.0.1"), WithPort(80, "TCP", "10.0.0.2"), true},
      {"same address", WithPort(80, "TCP", "10.0.0.1"), WithPort(80, "TCP", "10.0.0.1"), false},
      {"every address", WithPort(80, "TCP", "0.0.0.0"), WithPort(80, "TCP", "10.0.0.1"), false},
      {"no address is every address", WithPort(80, "TCP", "10.0.0.1"), WithPort(80), false},
  };
  for (const PortCase& each : cases) {
    const std::vector<std::string> misfits =
        Fit(each.wanted, NodeWith("1", "1Gi", "9"), {&each.there});
    EXPECT_EQ(misfits, each.fits ? std::vector<std::string>() : std::vector<std::string>{kPorts})
        << each.name;
  }
}

TEST(Fit, OnlyTheAgentsOwnPortsAreSharedByPodsOfOneDaemonSet) {
  const auto of = [](const std::string& owner, bool zero_gap) {
    v1::Pod pod = WithPort(80);
    v1::OwnerReference& reference = *pod.mutable_metadata()->add_owner_references();
    reference.set_kind("DaemonSet");
    reference.set_uid(owner);
    reference.set_controller(true);
    if (zero_gap) (*pod.mutable_metadata()->mutable_annotations())["muster.dev/zero-gap"] = "true";
    return pod;
  };
  const v1::Node node = NodeWith("1", "1Gi", "9");
  for (const auto& [wanted, there, fits] : {
           std::tuple(of("a", true), of("a", true), true),
           // A rollout that brings the annotation, and one that takes it away.
           std::tuple(of("a", true), of("a", false), true),
           std::tuple(of("a", false), of("a", true), true),
           std::tuple(of("a", false), of("a", false), false),
           std::tuple(of("a", true), of("b", true), false),
           std::tuple(of("a", true), WithPort(80), false),
       }) {
    EXPECT_EQ(Fit(wanted, node, {&there}).empty(), fits);
  }
}

// Spec: 10.2/conflict
TEST(Fit, PortsOfInitContainersCountOnlyWhenTheyKeepRunning) {
  const v1::Pod plain = Parse<v1::Pod>(
      "spec { init_containers { name: 'i' ports { container_port: 1 host_port: 80 } } }");
  v1::Pod sidecar = plain;
  sidecar.mutable_spec()->mutable_init_containers(0)->set_restart_policy("Always");
  EXPECT_THAT(Fit(WithPort(80), NodeWith("1", "1Gi", "9"), {&plain}), IsEmpty());
  EXPECT_THAT(Fit(WithPort(80), NodeWith("1", "1Gi", "9"), {&sidecar}), ElementsAre(kPorts));
}

TEST(Fit, PortsAreLookedAtBeforeResources) {
  const v1::Pod there = WithPort(80);
  EXPECT_THAT(Fit(WithPort(80), NodeWith("1", "1Gi", "1"), {&there}), ElementsAre(kPorts));
}

TEST(NodeLoad, ForgetsExactlyWhatIsRemoved) {
  v1::Pod with_both = Asking("100m", "1Mi");
  *with_both.mutable_spec()->mutable_containers(0)->add_ports() =
      WithPort(80).spec().containers(0).ports(0);
  const PodFootprint both = FootprintOf(with_both);
  const PodFootprint only_cpu = FootprintOf(Asking("200m"));
  NodeLoad load;
  load.Add(both);
  load.Add(only_cpu);
  load.Add(both);
  load.Remove(both);
  EXPECT_EQ(load.pod_count(), 2);
  EXPECT_EQ(load.requests().at("cpu").MilliValue(), 300);
  EXPECT_EQ(load.host_ports().size(), 1u);
  load.Remove(only_cpu);
  load.Remove(both);
  EXPECT_EQ(load.pod_count(), 0);
  EXPECT_THAT(load.requests(), IsEmpty());
  EXPECT_THAT(load.host_ports(), IsEmpty());
}

// Spec: 10.2/event
TEST(UnschedulableMessage, IsTheSchedulersHistogram) {
  EXPECT_EQ(UnschedulableMessage({"Insufficient cpu"}, 3),
            "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) "
            "[NodeAffinity].");
  EXPECT_EQ(UnschedulableMessage({"Too many pods", "Insufficient cpu"}, 1),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Too many pods.");
}

TEST(FindMisfits, SayWhatIsWantedAndWhatIsLeft) {
  NodeLoad load;
  load.Add(FootprintOf(Asking("1500m")));
  const v1::Node node = NodeWith("1", "1Gi", "1");
  const std::vector<Misfit> found =
      FindMisfits(FootprintOf(Asking("200m")), node.status().allocatable(), load);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].kind, Misfit::Kind::kPodCount);
  EXPECT_TRUE(found[0].free.IsZero());
  EXPECT_EQ(found[1].kind, Misfit::Kind::kResource);
  EXPECT_EQ(found[1].resource, "cpu");
  EXPECT_EQ(found[1].wanted.ToString(), "200m");
  EXPECT_EQ(found[1].free.ToString(), "-500m");

  load.Add(FootprintOf(WithPort(80)));
  const std::vector<Misfit> ports =
      FindMisfits(FootprintOf(WithPort(80)), node.status().allocatable(), load);
  ASSERT_EQ(ports.size(), 1u);
  EXPECT_EQ(ports[0].port, (model::HostPort{80, "TCP", "", 1, "", false}));
}

}  // namespace
}  // namespace muster::coordinator
