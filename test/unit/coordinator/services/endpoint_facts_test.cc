#include "coordinator/services/endpoint_facts.h"

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/services/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;

TEST(Selects, EveryPairOfTheSelector) {
  const struct {
    const char* spec;
    bool selects;
  } rows[] = {
      {"{clusterIP: None, selector: {app: web}}", true},
      {"{clusterIP: None, selector: {app: web, tier: a}}", true},
      {"{clusterIP: None, selector: {app: web, tier: b}}", false},
      {"{clusterIP: None, selector: {other: web}}", false},
      {"{clusterIP: None}", false},
      {"{type: ExternalName, externalName: a.b, selector: {app: web}}", false},
  };
  v1::Pod pod = PodWith("p", "10.0.0.1", "n1");
  (*pod.mutable_metadata()->mutable_labels())["tier"] = "a";
  for (const auto& row : rows) EXPECT_EQ(Selects(ServiceWith("web", row.spec), pod), row.selects);
}

TEST(FactsOfPod, WhetherItIsOneAndHow) {
  const struct {
    const char* rule;
    bool publish;
    std::function<void(v1::Pod&)> change;
    bool is_place, ready, serving, terminating;
  } rows[] = {
      {"as it is", false, [](v1::Pod&) {}, true, true, true, false},
      {"not ready", false,
       [](v1::Pod& pod) { pod.mutable_status()->mutable_conditions(0)->set_status("False"); }, true,
       false, false, false},
      {"not ready, published", true, [](v1::Pod& pod) { pod.mutable_status()->clear_conditions(); },
       true, true, false, false},
      {"going", false,
       [](v1::Pod& pod) { pod.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1); },
       true, false, true, true},
      {"going, published", true,
       [](v1::Pod& pod) { pod.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1); },
       true, true, true, true},
      {"failed", true, [](v1::Pod& pod) { pod.mutable_status()->set_phase("Failed"); }, false,
       false, false, false},
      {"succeeded", false, [](v1::Pod& pod) { pod.mutable_status()->set_phase("Succeeded"); },
       false, false, false, false},
      {"without address", true,
       [](v1::Pod& pod) {
         pod.mutable_status()->clear_pod_ip();
         pod.mutable_status()->clear_pod_ips();
       },
       false, false, false, false},
  };
  for (const auto& row : rows) {
    v1::Service service = ServiceWith("web", "{selector: {app: web}, ports: [{port: 80}]}");
    service.mutable_spec()->set_publish_not_ready_addresses(row.publish);
    v1::Pod pod = PodWith("p", "10.0.0.1", "n1");
    row.change(pod);
    const std::optional<EndpointFacts> facts = FactsOf(service, pod);
    ASSERT_EQ(facts.has_value(), row.is_place) << row.rule;
    if (!facts) continue;
    EXPECT_EQ(facts->ready, row.ready) << row.rule;
    EXPECT_EQ(facts->serving, row.serving) << row.rule;
    EXPECT_EQ(facts->terminating, row.terminating) << row.rule;
    EXPECT_EQ(facts->node, "n1");
    EXPECT_THAT(facts->addresses, ElementsAre("10.0.0.1"));
  }
}

TEST(FactsOfPod, PortsByNumberAndByName) {
  const v1::Service service = ServiceWith(
      "web",
      "{selector: {app: web}, ports: [{name: a, port: 80}, {name: b, port: 81, targetPort: 8081}, "
      "{name: c, port: 82, targetPort: http}, {name: d, port: 83, targetPort: dns, protocol: UDP}, "
      "{name: e, port: 84, targetPort: dns}, {name: f, port: 85, targetPort: side}, {name: g, "
      "port: 86, targetPort: early}]}");
  v1::Pod pod = PodWith("p", "10.0.0.1", "n1");
  const auto add = [](v1::Container& container, const char* name, int port, const char* protocol) {
    v1::ContainerPort& its = *container.add_ports();
    its.set_name(name);
    its.set_container_port(port);
    its.set_protocol(protocol);
  };
  add(*pod.mutable_spec()->mutable_containers(0), "http", 8080, "TCP");
  add(*pod.mutable_spec()->add_containers(), "dns", 5353, "UDP");
  v1::Container& sidecar = *pod.mutable_spec()->add_init_containers();
  sidecar.set_restart_policy("Always");
  add(sidecar, "side", 7000, "TCP");
  add(*pod.mutable_spec()->add_init_containers(), "early", 7001, "TCP");
  EXPECT_THAT(FactsOf(service, pod)->ports, ElementsAre(80, 8081, 8080, 5353, 0, 7000, 0));
}

TEST(FactsOfPod, AHostnameIsBelowItsSubdomainOnly) {
  const v1::Service service = ServiceWith("web", "{clusterIP: None, selector: {app: web}}");
  v1::Pod pod = PodWith("p", "10.0.0.1", "n1");
  pod.mutable_spec()->set_hostname("host");
  EXPECT_EQ(FactsOf(service, pod)->hostname, "");
  pod.mutable_spec()->set_subdomain("other");
  EXPECT_EQ(FactsOf(service, pod)->hostname, "");
  pod.mutable_spec()->set_subdomain("web");
  EXPECT_EQ(FactsOf(service, pod)->hostname, "host");
}

TEST(FactsOfEndpoints, WhatSomebodyWrote) {
  const v1::Service service = ServiceWith("db",
                                          "{ports: [{name: sql, port: 5432}, {name: x, "
                                          "port: 1}]}");
  const v1::Endpoints endpoints = FromYaml(R"(
apiVersion: v1
kind: Endpoints
metadata: {name: db}
subsets:
- addresses: [{ip: 192.0.2.1, hostname: one}]
  notReadyAddresses: [{ip: 192.0.2.2}]
  ports: [{name: sql, port: 5433, protocol: TCP}]
)")
                                      .endpoints();
  const std::vector<EndpointFacts> places = FactsOf(service, endpoints);
  ASSERT_EQ(places.size(), 2u);
  EXPECT_THAT(places[0].addresses, ElementsAre("192.0.2.1"));
  EXPECT_EQ(places[0].hostname, "one");
  EXPECT_TRUE(places[0].ready);
  EXPECT_THAT(places[0].ports, ElementsAre(5433, 0));
  EXPECT_FALSE(places[1].ready);
}

}  // namespace
}  // namespace muster::coordinator
