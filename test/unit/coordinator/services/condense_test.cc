#include "coordinator/services/condense.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/services/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CondenseService, WhatAgentsNeed) {
  const network::v1::Service web = Condense(ServiceWith(
      "web",
      "{type: NodePort, clusterIP: 10.96.0.5, clusterIPs: [10.96.0.5, \"fd00::5\"], "
      "sessionAffinity: ClientIP, internalTrafficPolicy: Local, externalTrafficPolicy: Local, "
      "publishNotReadyAddresses: true, trafficDistribution: PreferSameNode, ports: [{name: a, "
      "port: 80, nodePort: 30080}, {name: b, port: 53, protocol: UDP}]}"));
  EXPECT_EQ(web.namespace_(), "default");
  EXPECT_EQ(web.name(), "web");
  EXPECT_THAT(web.cluster_ips(), ElementsAre("10.96.0.5", "fd00::5"));
  EXPECT_EQ(web.affinity_seconds(), 10800);
  EXPECT_TRUE(web.internal_local());
  EXPECT_TRUE(web.external_local());
  EXPECT_TRUE(web.publish_not_ready_addresses());
  EXPECT_TRUE(web.prefer_same_node());
  ASSERT_EQ(web.ports_size(), 2);
  EXPECT_EQ(web.ports(0).node_port(), 30080);
  EXPECT_EQ(web.ports(1).protocol(), "UDP");

  const network::v1::Service headless =
      Condense(ServiceWith("h", "{clusterIP: None, ports: [{port: 1}]}"));
  EXPECT_THAT(headless.cluster_ips(), IsEmpty());
  EXPECT_EQ(headless.affinity_seconds(), 0);
  EXPECT_FALSE(headless.internal_local());
  const network::v1::Service name =
      Condense(ServiceWith("x", "{type: ExternalName, externalName: db.example.com}"));
  EXPECT_EQ(name.external_name(), "db.example.com");
}

TEST(CondenseSlice, AddressesAndConditions) {
  const auto slice = Condense(FromYaml(R"(
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-x, namespace: ns, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.0.0.1], nodeName: n1, hostname: h, targetRef: {kind: Pod, name: p1}}
- {addresses: [10.0.0.2], conditions: {ready: false}}
- {addresses: [10.0.0.3], conditions: {ready: false, serving: true, terminating: true}}
)")
                                  .endpoint_slice());
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->service(), "web");
  EXPECT_EQ(slice->ports(0).protocol(), "TCP");
  ASSERT_EQ(slice->endpoints_size(), 3);
  EXPECT_EQ(slice->endpoints(0).address(), std::string("\x0a\x00\x00\x01", 4));
  EXPECT_EQ(slice->endpoints(0).pod(), "p1");
  EXPECT_EQ(slice->endpoints(0).node(), "n1");
  EXPECT_EQ(slice->endpoints(0).hostname(), "h");
  EXPECT_TRUE(slice->endpoints(0).ready() && slice->endpoints(0).serving());
  EXPECT_FALSE(slice->endpoints(1).ready() || slice->endpoints(1).serving());
  EXPECT_TRUE(slice->endpoints(2).serving() && slice->endpoints(2).terminating());
  EXPECT_FALSE(Condense(v1::EndpointSlice()));
}

TEST(CondenseNode, OnlyThoseWithASubnet) {
  v1::Node node;
  node.mutable_metadata()->set_name("n1");
  EXPECT_FALSE(Condense(node));
  node.mutable_spec()->add_pod_cidrs("10.42.1.0/24");
  v1::NodeAddress& address = *node.mutable_status()->add_addresses();
  address.set_type("InternalIP");
  address.set_address("192.0.2.1");
  node.mutable_status()->add_addresses()->set_type("Hostname");
  const auto entry = Condense(node);
  ASSERT_TRUE(entry);
  EXPECT_THAT(entry->addresses(), ElementsAre("192.0.2.1"));
  EXPECT_THAT(entry->pod_cidrs(), ElementsAre("10.42.1.0/24"));
}

}  // namespace
}  // namespace muster::coordinator
