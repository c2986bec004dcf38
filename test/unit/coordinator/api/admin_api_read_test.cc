#include <string>
#include <utility>
#include <vector>

#include "coordinator/api/admin_api.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AdminApiReadTest : public ::testing::Test {
 protected:
  void Put(const std::string& text) {
    v1::Object object;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &object)) << text;
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void PutPod(const std::string& ns, const std::string& name, const std::string& more = "") {
    Put("pod { metadata { namespace: '" + ns + "' name: '" + name +
        "' labels { key: 'app' value: '" + name + "' } } " + more + " }");
  }
  std::vector<std::string> Names(const admin::v1::ListRequest& request) {
    const absl::StatusOr<admin::v1::ListResponse> response = api_.List(request);
    EXPECT_TRUE(response.ok()) << response.status();
    std::vector<std::string> names;
    if (!response.ok()) return names;
    for (const v1::Object& object : response->objects()) {
      const v1::ObjectMeta& metadata = model::MetadataOf(object);
      names.push_back(metadata.namespace_() + "/" + metadata.name());
    }
    return names;
  }
  static admin::v1::ListRequest Pods(bool all = true) {
    admin::v1::ListRequest request;
    request.set_resource("pods");
    request.set_all_namespaces(all);
    return request;
  }
  static admin::v1::ObjectRef Ref(const std::string& resource, const std::string& name) {
    admin::v1::ObjectRef ref;
    ref.set_resource(resource);
    ref.set_name(name);
    return ref;
  }

  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  AdminApi api_{objects_, clock_};
};

TEST_F(AdminApiReadTest, GetFindsByAnyNameOfTheKindOrSaysNotFound) {
  PutPod("default", "web");
  for (const char* resource : {"pods", "pod", "po"}) {
    admin::v1::GetRequest request;
    *request.mutable_ref() = Ref(resource, "web");
    ASSERT_TRUE(api_.Get(request).ok()) << resource;
    EXPECT_FALSE(api_.Get(request)->object().pod().metadata().resource_version().empty());
  }
  admin::v1::GetRequest request;
  *request.mutable_ref() = Ref("ds", "web");
  EXPECT_EQ(api_.Get(request).status(), absl::NotFoundError("daemonsets.apps \"web\" not found"));
  *request.mutable_ref() = Ref("gizmos", "web");
  EXPECT_EQ(api_.Get(request).status().code(), absl::StatusCode::kNotFound);
  *request.mutable_ref() = Ref("pods", "");
  EXPECT_EQ(api_.Get(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(AdminApiReadTest, ListsAreSortedByNamespaceThenName) {
  PutPod("a-b", "x");
  PutPod("a", "z");
  PutPod("a", "y");
  EXPECT_THAT(Names(Pods()), ElementsAre("a/y", "a/z", "a-b/x"));
}

TEST_F(AdminApiReadTest, ListsKeepToNamespaceAndSelectors) {
  PutPod("default", "a", "spec { node_name: 'n1' }");
  PutPod("default", "b", "spec { node_name: 'n2' }");
  PutPod("other", "a", "spec { node_name: 'n1' }");
  EXPECT_THAT(Names(Pods(false)), ElementsAre("default/a", "default/b"));
  admin::v1::ListRequest request = Pods();
  request.set_label_selector("app=a");
  EXPECT_THAT(Names(request), ElementsAre("default/a", "other/a"));
  request.set_field_selector("spec.nodeName=n1,metadata.namespace!=other");
  EXPECT_THAT(Names(request), ElementsAre("default/a"));
  request.set_label_selector("app=none");
  EXPECT_THAT(Names(request), IsEmpty());
}

TEST_F(AdminApiReadTest, AListTellsTheRevisionItShows) {
  PutPod("default", "a");
  EXPECT_EQ(api_.List(Pods())->revision(), *store_.CurrentRevision());
}

TEST_F(AdminApiReadTest, TablesComeInsteadOfObjects) {
  PutPod("default", "web", "status { phase: 'Running' }");
  admin::v1::ListRequest list = Pods();
  list.set_as_table(true);
  const absl::StatusOr<admin::v1::ListResponse> response = api_.List(list);
  ASSERT_TRUE(response.ok());
  EXPECT_TRUE(response->objects().empty());
  ASSERT_EQ(response->table().rows_size(), 1);
  EXPECT_EQ(response->table().columns(0).name(), "NAME");
  EXPECT_EQ(response->table().rows(0).cells_size(), response->table().columns_size());
  EXPECT_EQ(response->table().rows(0).cells(0), "web");
  EXPECT_EQ(response->table().rows(0).labels().at("app"), "web");

  admin::v1::GetRequest get;
  *get.mutable_ref() = Ref("pods", "web");
  get.set_as_table(true);
  get.set_wide(true);
  const absl::StatusOr<admin::v1::GetResponse> wide = api_.Get(get);
  EXPECT_GT(wide->table().columns_size(), response->table().columns_size());
  EXPECT_FALSE(wide->has_object());
}

TEST_F(AdminApiReadTest, WatchEventsAreRenderedAsTheListIs) {
  admin::v1::WatchEvent event;
  event.set_type(admin::v1::WatchEvent::MODIFIED);
  event.mutable_object()->mutable_pod()->mutable_metadata()->set_name("web");
  api_.Render(Pods(), event);
  EXPECT_TRUE(event.has_object());
  admin::v1::ListRequest table = Pods();
  table.set_as_table(true);
  api_.Render(table, event);
  EXPECT_FALSE(event.has_object());
  EXPECT_EQ(event.table().rows(0).name(), "web");
}

TEST_F(AdminApiReadTest, DescribesWithPodsAndEvents) {
  Put("daemon_set { metadata { namespace: 'default' name: 'web' uid: 'u1' } }");
  Put("event { metadata { namespace: 'default' name: 'web.1' } involved_object { kind: "
      "'DaemonSet' namespace: 'default' name: 'web' uid: 'u1' } reason: 'SuccessfulCreate' "
      "message: 'Created pod: web-x' type: 'Normal' }");
  Put("event { metadata { namespace: 'default' name: 'other.1' } involved_object { kind: "
      "'DaemonSet' namespace: 'default' name: 'other' uid: 'u2' } reason: 'SuccessfulCreate' "
      "message: 'Created pod: other-x' type: 'Normal' }");
  admin::v1::DescribeRequest request;
  *request.mutable_ref() = Ref("daemonsets", "web");
  const absl::StatusOr<admin::v1::DescribeResponse> response = api_.Describe(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->text(), HasSubstr("Created pod: web-x"));
  EXPECT_THAT(response->text(), Not(HasSubstr("other-x")));
}

TEST_F(AdminApiReadTest, AContainerIsFoundOnItsNodeOrRefusedInKubernetesWords) {
  PutPod("default", "web", "spec { node_name: 'n1' containers { name: 'main' } }");
  PutPod("default", "waiting", "spec { containers { name: 'main' } }");
  PutPod("default", "done",
         "spec { node_name: 'n1' containers { name: 'main' } } status { phase: 'Failed' }");
  const absl::StatusOr<AdminApi::ContainerPlace> place =
      api_.FindContainer("", "web", "", AdminApi::Use::kExec);
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_EQ(place->node, "n1");
  EXPECT_EQ(place->container, "main");
  EXPECT_FALSE(place->pod_uid.empty());
  EXPECT_EQ(api_.FindContainer("", "none", "", AdminApi::Use::kExec).status(),
            absl::NotFoundError("pods \"none\" not found"));
  EXPECT_EQ(api_.FindContainer("", "waiting", "", AdminApi::Use::kLogs).status(),
            absl::InvalidArgumentError("pod waiting does not have a host assigned"));
  EXPECT_TRUE(api_.FindContainer("", "done", "", AdminApi::Use::kLogs).ok());
  EXPECT_EQ(api_.FindContainer("", "done", "", AdminApi::Use::kExec).status(),
            absl::InvalidArgumentError(
                "cannot exec into a container in a completed pod; current phase is Failed"));
}

TEST_F(AdminApiReadTest, APodToForwardToIsThatOneAndRuns) {
  PutPod("default", "web", "spec { node_name: 'n1' containers { name: 'main' } }");
  PutPod("default", "done", "spec { node_name: 'n1' } status { phase: 'Failed' }");
  const absl::StatusOr<AdminApi::ContainerPlace> place = api_.FindRunningPod("", "web", "");
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_EQ(place->node, "n1");
  EXPECT_TRUE(api_.FindRunningPod("", "web", place->pod_uid).ok());
  EXPECT_TRUE(absl::IsNotFound(api_.FindRunningPod("", "web", "another").status()));
  EXPECT_EQ(api_.FindRunningPod("", "done", "").status(),
            absl::InvalidArgumentError(
                "unable to forward port because pod is not running. Current status=Failed"));
  EXPECT_EQ(api_.FindContainer("", "done", "", AdminApi::Use::kAttach).status(),
            absl::InvalidArgumentError(
                "cannot attach a container in a completed pod; current phase is Failed"));
}

TEST_F(AdminApiReadTest, TopIsAboutPodsOfANamespaceOrNodes) {
  PutPod("default", "web", "spec { node_name: 'n1' }");
  PutPod("other", "log", "spec { node_name: 'n1' }");
  admin::v1::TopRequest request;
  request.set_resource("pods");
  request.set_namespace_("default");
  EXPECT_EQ(api_.FindForTop(request)->size(), 1u);
  request.set_all_namespaces(true);
  EXPECT_EQ(api_.FindForTop(request)->size(), 2u);
  request.set_name("none");
  EXPECT_EQ(api_.FindForTop(request).status(), absl::NotFoundError("pods \"none\" not found"));
  request.set_resource("secrets");
  EXPECT_TRUE(absl::IsInvalidArgument(api_.FindForTop(request).status()));
}

TEST_F(AdminApiReadTest, AStoreThatCannotBeReadIsAnError) {
  store_.FailReads(absl::DataLossError("damaged"));
  EXPECT_EQ(api_.List(Pods()).status(), absl::DataLossError("damaged"));
}

}  // namespace
}  // namespace muster::coordinator
