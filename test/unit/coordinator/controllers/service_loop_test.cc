#include "coordinator/controllers/service_loop.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/services/slices.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/services/fixtures.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class ServiceLoopTest : public testing::Test {
 protected:
  ServiceLoopTest() { Restart(); }

  // As after a restart of the coordinator: nothing is left but the store.
  void Restart() {
    loop_ = std::make_unique<ServiceLoop>(
        objects_, clock_,
        ServiceLoop::Options{.ranges = *ParseServiceRanges("10.96.0.0/24", "30000-30100")}, [] {},
        Dice(7));
  }
  // Until a step writes nothing.
  void Settle() {
    for (int i = 0; i < 50; ++i) {
      const int64_t before = *store_.CurrentRevision();
      store_.Deliver();
      const std::optional<MonoTime> wake = loop_->Step();
      if (*store_.CurrentRevision() != before) continue;
      if (!wake) return;
      ASSERT_GT(*wake, clock_.Mono());
      clock_.Advance(*wake - clock_.Mono());
    }
    FAIL() << "it does not settle";
  }
  void Put(v1::Object object) {
    ObjectTransaction transaction;
    const v1::ObjectMeta& meta = model::MetadataOf(object);
    absl::StatusOr<v1::Object> old =
        objects_.Get(object.object_case(), meta.namespace_(), meta.name());
    if (old.ok()) {
      v1::ObjectMeta& mine = model::MutableMetadataOf(object);
      mine.set_resource_version(model::MetadataOf(*old).resource_version());
      mine.set_uid(model::MetadataOf(*old).uid());
      transaction.Update(std::move(object));
    } else {
      transaction.Create(std::move(object));
    }
    const auto committed = objects_.Commit(std::move(transaction));
    ASSERT_TRUE(committed.ok()) << committed.status();
  }
  void PutService(const std::string& name, const std::string& spec) {
    v1::Object object;
    *object.mutable_service() = ServiceWith(name, spec);
    Put(object);
  }
  void PutPod(const v1::Pod& pod) {
    v1::Object object;
    *object.mutable_pod() = pod;
    Put(object);
  }
  void Delete(model::Kind kind, const std::string& name) {
    ObjectTransaction transaction;
    transaction.DeleteAny(kind, "default", name);
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  // "pod:ready" of all slices of a Service.
  std::vector<std::string> Places(const std::string& service) {
    std::vector<std::string> places;
    const absl::StatusOr<ObjectList> list = objects_.List({v1::Object::kEndpointSlice, ""});
    for (const v1::Object& object : list->items) {
      const v1::EndpointSlice& slice = object.endpoint_slice();
      if (slice.metadata().labels().at(kServiceNameLabel) != service) continue;
      for (const v1::Endpoint& endpoint : slice.endpoints()) {
        places.push_back(absl::StrCat(endpoint.target_ref().name().empty()
                                          ? endpoint.addresses(0)
                                          : endpoint.target_ref().name(),
                                      ":", endpoint.conditions().ready() ? "ready" : "not"));
      }
    }
    std::sort(places.begin(), places.end());
    return places;
  }
  std::optional<v1::Endpoints> EndpointsOf(const std::string& name) {
    const auto object = objects_.Get(v1::Object::kEndpoints, "default", name);
    if (!object.ok()) return std::nullopt;
    return object->endpoints();
  }
  v1::Service Service(const std::string& name) {
    return objects_.Get(v1::Object::kService, "default", name)->service();
  }

  ManualClock clock_;
  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_};
  std::unique_ptr<ServiceLoop> loop_;
};

constexpr char kWeb[] = "{selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}";

TEST_F(ServiceLoopTest, EndpointsFollowThePods) {
  PutService("web", kWeb);
  Settle();
  EXPECT_THAT(Places("web"), IsEmpty());
  ASSERT_TRUE(EndpointsOf("web"));

  v1::Pod pod = PodWith("p1", "10.0.0.1", "n1");
  PutPod(pod);
  v1::Pod other = PodWith("x", "10.0.0.9", "n1");
  (*other.mutable_metadata()->mutable_labels())["app"] = "x";
  PutPod(other);
  Settle();
  EXPECT_THAT(Places("web"), ElementsAre("p1:ready"));
  EXPECT_EQ(EndpointsOf("web")->subsets(0).addresses(0).ip(), "10.0.0.1");
  EXPECT_EQ(EndpointsOf("web")->subsets(0).ports(0).port(), 8080);

  pod.mutable_status()->mutable_conditions(0)->set_status("False");
  PutPod(pod);
  Settle();
  EXPECT_THAT(Places("web"), ElementsAre("p1:not"));

  // Its labels are changed, and it is none any more.
  (*pod.mutable_metadata()->mutable_labels())["app"] = "other";
  PutPod(pod);
  Settle();
  EXPECT_THAT(Places("web"), IsEmpty());

  PutPod(PodWith("p2", "10.0.0.2", "n2"));
  Settle();
  Delete(v1::Object::kPod, "p2");
  Settle();
  EXPECT_THAT(Places("web"), IsEmpty());
  EXPECT_TRUE(EndpointsOf("web")->subsets().empty());
}

TEST_F(ServiceLoopTest, AServiceThatComesLaterFindsThePodsThatAreThere) {
  PutPod(PodWith("p1", "10.0.0.1", "n1"));
  Settle();
  PutService("web", kWeb);
  Settle();
  EXPECT_THAT(Places("web"), ElementsAre("p1:ready"));
  // And with another selector others.
  PutService("web", "{selector: {app: other}, ports: [{port: 80}]}");
  Settle();
  EXPECT_THAT(Places("web"), IsEmpty());
}

TEST_F(ServiceLoopTest, EverythingOfItGoesWithAService) {
  PutService("web", kWeb);
  PutPod(PodWith("p1", "10.0.0.1", "n1"));
  Settle();
  Delete(v1::Object::kService, "web");
  Settle();
  EXPECT_THAT(Places("web"), IsEmpty());
  EXPECT_THAT(objects_.List({v1::Object::kEndpointSlice, ""})->items, IsEmpty());
  EXPECT_FALSE(EndpointsOf("web"));
}

TEST_F(ServiceLoopTest, WhatWentWhileNobodyLookedGoesAtTheStart) {
  PutService("web", kWeb);
  PutPod(PodWith("p1", "10.0.0.1", "n1"));
  Settle();
  Delete(v1::Object::kService, "web");
  Restart();
  Settle();
  EXPECT_THAT(objects_.List({v1::Object::kEndpointSlice, ""})->items, IsEmpty());
}

TEST_F(ServiceLoopTest, ARestartWritesNothing) {
  PutService("web", kWeb);
  PutService("names", "{clusterIP: None, selector: {app: web}}");
  PutPod(PodWith("p1", "10.0.0.1", "n1"));
  Settle();
  const int64_t revision = *store_.CurrentRevision();
  Restart();
  Settle();
  EXPECT_EQ(*store_.CurrentRevision(), revision);
}

TEST_F(ServiceLoopTest, OneWithoutAddressIsGivenOne) {
  PutService("old", "{ports: [{port: 80}]}");
  PutService("older", "{type: NodePort, ports: [{port: 80}]}");
  Settle();
  EXPECT_EQ(Service("old").spec().cluster_ip().substr(0, 8), "10.96.0.");
  EXPECT_NE(Service("old").spec().cluster_ip(), Service("older").spec().cluster_ip());
  EXPECT_GE(Service("older").spec().ports(0).node_port(), 30000);
}

TEST_F(ServiceLoopTest, SlicesThatSomebodyTookAwayComeBack) {
  PutService("web", kWeb);
  PutPod(PodWith("p1", "10.0.0.1", "n1"));
  Settle();
  const absl::StatusOr<ObjectList> slices = objects_.List({v1::Object::kEndpointSlice, ""});
  Delete(v1::Object::kEndpointSlice, model::MetadataOf(slices->items[0]).name());
  Delete(v1::Object::kEndpoints, "web");
  Settle();
  EXPECT_THAT(Places("web"), ElementsAre("p1:ready"));
  EXPECT_TRUE(EndpointsOf("web"));
}

TEST_F(ServiceLoopTest, EndpointsThatSomebodyWroteBecomeSlices) {
  PutService("db", "{ports: [{port: 5432}]}");
  Put(
      FromYaml("{apiVersion: v1, kind: Endpoints, metadata: {name: db, namespace: default}, "
               "subsets: [{addresses: [{ip: 192.0.2.7}], ports: [{port: 5432, protocol: TCP}]}]}"));
  Settle();
  EXPECT_THAT(Places("db"), ElementsAre("192.0.2.7:ready"));
  Delete(v1::Object::kEndpoints, "db");
  Settle();
  EXPECT_THAT(Places("db"), IsEmpty());
  EXPECT_FALSE(EndpointsOf("db"));
}

TEST_F(ServiceLoopTest, ManyChangesAreFewWrites) {
  PutService("web", kWeb);
  Settle();
  const int64_t before = *store_.CurrentRevision();
  for (int i = 0; i < 20; ++i) {
    PutPod(PodWith(absl::StrCat("p", i), absl::StrCat("10.0.0.", i + 1), "n1"));
    store_.Deliver();
    loop_->Step();
    clock_.Advance(1ms);
  }
  Settle();
  EXPECT_EQ(Places("web").size(), 20u);
  EXPECT_LE(*store_.CurrentRevision() - before, 20 + 3);
}

TEST_F(ServiceLoopTest, AnExternalNameHasNoPlaces) {
  PutService("db", "{type: ExternalName, externalName: db.example.com}");
  Settle();
  EXPECT_THAT(objects_.List({v1::Object::kEndpointSlice, ""})->items, IsEmpty());
  EXPECT_FALSE(EndpointsOf("db"));
}

}  // namespace
}  // namespace muster::coordinator
