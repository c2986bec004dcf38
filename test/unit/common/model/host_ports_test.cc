#include "common/model/host_ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::model {
namespace {

using testing::ElementsAre;

v1::ContainerPort& AddPort(v1::Container& container, int port, const char* protocol = "",
                           const char* ip = "") {
  v1::ContainerPort& added = *container.add_ports();
  added.set_container_port(80);
  added.set_host_port(port);
  added.set_protocol(protocol);
  added.set_host_ip(ip);
  return added;
}

v1::Pod OfDaemonSet(const char* uid, const char* zero_gap) {
  v1::Pod pod;
  v1::OwnerReference& owner = *pod.mutable_metadata()->add_owner_references();
  owner.set_kind("DaemonSet");
  owner.set_uid(uid);
  owner.set_controller(true);
  (*pod.mutable_metadata()->mutable_annotations())["muster.dev/zero-gap"] = zero_gap;
  return pod;
}

TEST(HostPortsOf, ContainersAndSidecarsEachOnce) {
  v1::Pod pod = OfDaemonSet("d1", "true");
  v1::Container& main = *pod.mutable_spec()->add_containers();
  AddPort(main, 8080);
  AddPort(main, 8080);
  AddPort(main, 0);
  v1::Container& plain = *pod.mutable_spec()->add_init_containers();
  AddPort(plain, 81);
  v1::Container& sidecar = *pod.mutable_spec()->add_init_containers();
  sidecar.set_restart_policy("Always");
  AddPort(sidecar, 53, "UDP", "10.0.0.1");
  EXPECT_THAT(HostPortsOf(pod), ElementsAre(HostPort{8080, "TCP", "", 80, "d1", true},
                                            HostPort{53, "UDP", "10.0.0.1", 80, "d1", true}));
  // With the host's network the ports are the pod's own, whatever the annotation says.
  pod.mutable_spec()->set_host_network(true);
  EXPECT_FALSE(HostPortsOf(pod).front().zero_gap);
}

TEST(HostPortsOf, AStaticPodHasNoOwnerToShareWith) {
  v1::Pod pod = OfDaemonSet("node-uid", "true");
  pod.mutable_metadata()->mutable_owner_references(0)->set_kind("Node");
  AddPort(*pod.mutable_spec()->add_containers(), 80);
  EXPECT_EQ(HostPortsOf(pod).front().owner, "");
}

TEST(IsZeroGap, OnlyTheWordTrue) {
  EXPECT_TRUE(IsZeroGap(OfDaemonSet("d", "true")));
  EXPECT_FALSE(IsZeroGap(OfDaemonSet("d", "false")));
  EXPECT_FALSE(IsZeroGap(OfDaemonSet("d", "yes")));
  EXPECT_FALSE(IsZeroGap(v1::Pod()));
}

struct ClashCase {
  const char* one;
  const char* other;
  bool clash;
};

TEST(Clash, AddressesByWhatTheyMean) {
  for (const ClashCase& c : {
           ClashCase{"", "", true},
           ClashCase{"0.0.0.0", "10.0.0.1", true},
           ClashCase{"", "fd00::1", true},
           ClashCase{"10.0.0.1", "10.0.0.2", false},
           ClashCase{"::", "fd00::1", true},
           ClashCase{"fd00::1", "fd00:0::1", true},
           ClashCase{"::", "10.0.0.1", false},
           ClashCase{"fd00::1", "fd00::2", false},
       }) {
    const HostPort one{80, "TCP", c.one, 8080, "", false}, other{80, "TCP", c.other, 80, "", false};
    EXPECT_EQ(Clash(one, other), c.clash) << c.one << " " << c.other;
    EXPECT_EQ(Clash(other, one), c.clash) << c.one << " " << c.other;
  }
}

TEST(Clash, PodsOfOneDaemonSetShareWhatTheAgentLeads) {
  const auto port = [](const char* owner, bool zero_gap) {
    return HostPort{80, "TCP", "", 80, owner, zero_gap};
  };
  EXPECT_FALSE(Clash(port("a", true), port("a", true)));
  EXPECT_FALSE(Clash(port("a", true), port("a", false)));
  EXPECT_TRUE(Clash(port("a", false), port("a", false)));
  EXPECT_TRUE(Clash(port("a", true), port("b", true)));
  EXPECT_TRUE(Clash(port("", true), port("", true)));
}

}  // namespace
}  // namespace muster::model
