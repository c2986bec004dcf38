#include <string>
#include <utility>

#include "coordinator/api/admin_api.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kReady[] =
    " status { conditions { type: 'Ready' status: 'True' }"
    " allocatable { key: 'pods' value { text: '110' } } }";

class AdminApiWhyTest : public ::testing::Test {
 protected:
  v1::Object Put(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    absl::StatusOr<CommittedObjects> committed = objects_.Commit(std::move(transaction));
    EXPECT_TRUE(committed.ok()) << committed.status();
    return committed->objects.front();
  }
  v1::Object Put(const std::string& text) {
    v1::Object object;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &object)) << text;
    return Put(std::move(object));
  }
  v1::Object PutDaemonSet(const std::string& pod_spec) {
    return Put(
        "daemon_set { metadata { namespace: 'default' name: 'web' }"
        " spec { selector { match_labels { key: 'app' value: 'web' } }"
        " template { metadata { labels { key: 'app' value: 'web' } } spec { " +
        pod_spec + " } } update_strategy { type: 'RollingUpdate' } } }");
  }
  absl::StatusOr<admin::v1::WhyResponse> Ask(const std::string& resource, const std::string& name,
                                             const std::string& node = "") {
    admin::v1::WhyRequest request;
    request.mutable_ref()->set_resource(resource);
    request.mutable_ref()->set_namespace_("default");
    request.mutable_ref()->set_name(name);
    request.set_node(node);
    return api_.Why(request);
  }

  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  AdminApi api_{objects_, clock_};
};

TEST_F(AdminApiWhyTest, WhoHasNoPartInANamespaceIsToldNothingOfItsPods) {
  PutDaemonSet("containers { name: 'c' ports { host_port: 80 protocol: 'TCP' } }");
  Put(std::string("node { metadata { name: 'a' }") + kReady + "}");
  Put("pod { metadata { namespace: 'secret' name: 'payroll' labels { key: 'app' value: 'pay' } }"
      " spec { node_name: 'a' containers { name: 'ledger' ports { host_port: 80 protocol: 'TCP' } "
      "} }"
      " status { phase: 'Running' } }");
  admin::v1::WhyRequest request;
  request.mutable_ref()->set_resource("ds");
  request.mutable_ref()->set_namespace_("default");
  request.mutable_ref()->set_name("web");
  const auto all = api_.Why(request), limited = api_.Why(request, {"default"});
  ASSERT_TRUE(all.ok() && limited.ok());
  EXPECT_THAT(all->answers(0).line(), HasSubstr("secret/payroll"));
  EXPECT_THAT(limited->answers(0).line(),
              HasSubstr("host port taken: 80/TCP is held by pod another namespace/pod 1"));
  for (const char* word : {"secret", "payroll", "pay", "ledger"}) {
    EXPECT_EQ(limited->DebugString().find(word), std::string::npos) << word;
  }
  EXPECT_THAT(api_.Why(request, {"default", "secret"})->answers(0).line(),
              HasSubstr("secret/payroll"));
}

TEST_F(AdminApiWhyTest, OfADaemonSetOnOneNodeAndOnAll) {
  PutDaemonSet("node_selector { key: 'disk' value: 'ssd' } containers { name: 'c' }");
  Put(std::string("node { metadata { name: 'a' labels { key: 'disk' value: 'ssd' } }") + kReady +
      " }");
  Put(std::string("node { metadata { name: 'b' }") + kReady + " }");
  const auto one = Ask("ds", "web", "b");
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->answers_size(), 1);
  EXPECT_EQ(one->answers(0).cause(), "NotMatched");
  EXPECT_EQ(one->answers(0).line(),
            "not matched: nodeSelector asks for disk=ssd, the node has no label disk");
  const auto all = Ask("ds", "web");
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->answers_size(), 2);
  EXPECT_EQ(all->answers(0).node(), "a");
  EXPECT_EQ(all->answers(0).cause(), "NotCreatedYet");
  EXPECT_EQ(all->answers(1).node(), "b");
}

TEST_F(AdminApiWhyTest, OfAPodThatADaemonSetKeepsAndOfOneByItself) {
  const v1::Object owner = PutDaemonSet("containers { name: 'c' }");
  Put(std::string("node { metadata { name: 'a' }") + kReady + " }");
  v1::Object pod;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "pod { metadata { namespace: 'default' name: 'web-1' labels { key: 'app' value: 'web' } }"
      " spec { node_name: 'a' containers { name: 'c' image: 'i:1' } }"
      " status { phase: 'Pending' container_statuses { name: 'c'"
      " state { waiting { reason: 'ErrImagePull' message: 'no such image' } } } } }",
      &pod));
  v1::Object single = pod;
  single.mutable_pod()->mutable_metadata()->set_name("single");
  Adopt(owner.daemon_set(), *pod.mutable_pod()->mutable_metadata());
  Put(pod);
  (*single.mutable_pod()->mutable_metadata()->mutable_labels())["app"] = "other";
  Put(single);
  for (const char* name : {"web-1", "single"}) {
    const auto answer = Ask("pods", name);
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->answers_size(), 1);
    EXPECT_EQ(answer->answers(0).node(), "a");
    const std::string told =
        answer->answers(0).line() + "\n" +
        (answer->answers(0).details().empty()
             ? ""
             : answer->answers(0).details(answer->answers(0).details_size() - 1));
    EXPECT_THAT(told, HasSubstr("image cannot be pulled: i:1: no such image")) << name;
  }
}

TEST_F(AdminApiWhyTest, APlanSaysWhatEachNodeWouldGet) {
  Put(std::string("node { metadata { name: 'a' labels { key: 'tier' value: 'big' } }") + kReady +
      " }");
  Put(std::string("node { metadata { name: 'b' }") + kReady + " }");
  Put(std::string(
          "node { metadata { name: 'c' } spec { taints { key: 'x' effect: 'NoSchedule' } }") +
      kReady + " }");
  admin::v1::PlanRequest request;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "objects { daemon_set { metadata { name: 'web' annotations { key: 'muster.dev/overrides'"
      " value: '- {selector: {tier: big}, containers: [{name: c, image: \"i:big\"}]}' } }"
      " spec { selector { match_labels { key: 'app' value: 'web' } }"
      " template { metadata { labels { key: 'app' value: 'web' } }"
      " spec { containers { name: 'c' image: 'i:1' } } } } } }",
      &request));
  const auto first = api_.Plan(request);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->daemon_sets_size(), 1);
  EXPECT_EQ(first->daemon_sets(0).outcome(), admin::v1::ApplyResult::CREATED);
  EXPECT_EQ(first->daemon_sets(0).pace(), "RollingUpdate, maxUnavailable 1 of 2 nodes");
  ASSERT_EQ(first->daemon_sets(0).nodes_size(), 3);
  EXPECT_EQ(first->daemon_sets(0).nodes(0).action(), "create");
  EXPECT_EQ(first->daemon_sets(0).nodes(0).gets(0), "c: i:big");
  EXPECT_EQ(first->daemon_sets(0).nodes(0).gets(1), "by override 0: tier=big");
  EXPECT_EQ(first->daemon_sets(0).nodes(1).gets(0), "c: i:1");
  EXPECT_EQ(first->daemon_sets(0).nodes(2).action(), "none");
  EXPECT_EQ(first->daemon_sets(0).nodes(2).why(), "taint x:NoSchedule is not tolerated");
  EXPECT_TRUE(absl::IsNotFound(Ask("ds", "web").status())) << "a plan has stored it";

  (*request.mutable_objects(0)
        ->mutable_daemon_set()
        ->mutable_metadata()
        ->mutable_annotations())["muster.dev/overrides"] =
      "- {selector: {tier: big}, containers: [{name: d}]}";
  EXPECT_TRUE(absl::IsInvalidArgument(api_.Plan(request).status()));
}

TEST_F(AdminApiWhyTest, OnlyOfWhatHasPods) {
  EXPECT_TRUE(absl::IsNotFound(Ask("ds", "nosuch").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Ask("configmaps", "web").status()));
  PutDaemonSet("containers { name: 'c' }");
  const auto answer = Ask("ds", "web", "nowhere");
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->answers(0).line(), StartsWith("node unknown: there is no node nowhere"));
}

}  // namespace
}  // namespace muster::coordinator
