#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using admin::v1::ApplyResult;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kProblemsType[] = "type.googleapis.com/muster.admin.v1.ApplyProblems";

class AdminApiWriteTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(api_.CreateBuiltInNamespaces().ok()); }

  static v1::Object DaemonSet(const std::string& name, const std::string& image = "busybox",
                              const std::string& ns = "") {
    v1::Object object = model::NewObject(*model::FindKind(v1::Object::kDaemonSet));
    v1::DaemonSet& set = *object.mutable_daemon_set();
    set.mutable_metadata()->set_name(name);
    set.mutable_metadata()->set_namespace_(ns);
    (*set.mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = name;
    v1::PodTemplateSpec& pod = *set.mutable_spec()->mutable_template_();
    (*pod.mutable_metadata()->mutable_labels())["app"] = name;
    v1::Container& container = *pod.mutable_spec()->add_containers();
    container.set_name("main");
    container.set_image(image);
    return object;
  }
  static v1::Object ConfigMap(const std::string& name, const std::string& value,
                              const std::string& ns = "") {
    v1::Object object = model::NewObject(*model::FindKind(v1::Object::kConfigMap));
    object.mutable_config_map()->mutable_metadata()->set_name(name);
    object.mutable_config_map()->mutable_metadata()->set_namespace_(ns);
    (*object.mutable_config_map()->mutable_data())["key"] = value;
    return object;
  }
  absl::StatusOr<admin::v1::ApplyResponse> Apply(const std::vector<v1::Object>& objects,
                                                 bool dry_run = false,
                                                 const std::string& cause = "") {
    admin::v1::ApplyRequest request;
    for (const v1::Object& object : objects) *request.add_objects() = object;
    request.set_dry_run(dry_run);
    request.set_change_cause(cause);
    return api_.Apply(request);
  }
  // As the controller leaves it after a rollback.
  void Reject(const std::string& name, const std::string& hash) {
    v1::Object object = *objects_.Get(v1::Object::kDaemonSet, "default", name);
    v1::DaemonSetRejectedRevision& rejected =
        *object.mutable_daemon_set()->mutable_status()->mutable_rollout()->add_rejected();
    rejected.set_revision(hash);
    rejected.set_reason("TooManyFailures");
    rejected.set_message("1 node failed with it");
    ObjectTransaction transaction;
    transaction.Update(std::move(object));
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  static std::vector<ApplyResult::Outcome> Outcomes(const admin::v1::ApplyResponse& response) {
    std::vector<ApplyResult::Outcome> outcomes;
    for (const ApplyResult& result : response.results()) outcomes.push_back(result.outcome());
    return outcomes;
  }
  static admin::v1::ApplyProblems ProblemsOf(const absl::Status& status) {
    admin::v1::ApplyProblems problems;
    if (const auto payload = status.GetPayload(kProblemsType)) {
      EXPECT_TRUE(problems.ParseFromString(std::string(*payload)));
    }
    return problems;
  }
  bool Has(model::Kind kind, const std::string& ns, const std::string& name) {
    return objects_.Get(kind, ns, name).ok();
  }
  absl::StatusOr<admin::v1::DeleteResponse> Delete(
      const std::string& resource, const std::string& name, bool dry_run = false,
      admin::v1::DeleteRequest::Cascade cascade = admin::v1::DeleteRequest::BACKGROUND) {
    admin::v1::DeleteRequest request;
    request.mutable_ref()->set_resource(resource);
    request.mutable_ref()->set_name(name);
    request.set_cascade(cascade);
    request.set_dry_run(dry_run);
    return api_.Delete(request);
  }

  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  AdminApi api_{objects_, clock_};
};

TEST_F(AdminApiWriteTest, ATemplateThatFailedBeforeDrawsAWarning) {
  ASSERT_TRUE(Apply({DaemonSet("web", "bad:1")}).ok());
  const v1::DaemonSet bad = objects_.Get(v1::Object::kDaemonSet, "default", "web")->daemon_set();
  const std::string hash = PlanRevisions({bad, {}, {}}).current_hash;
  ASSERT_TRUE(Apply({DaemonSet("web", "good:1")}).ok());
  EXPECT_THAT(Apply({DaemonSet("web", "bad:1")}, true)->warnings(), IsEmpty());
  Reject("web", hash);
  EXPECT_THAT(Apply({DaemonSet("web", "better:1")}, true)->warnings(), IsEmpty());
  const auto response = Apply({DaemonSet("web", "bad:1")});
  ASSERT_TRUE(response.ok());
  ASSERT_EQ(response->warnings_size(), 1);
  EXPECT_EQ(response->warnings(0).path(), "spec.template");
  EXPECT_EQ(response->warnings(0).text(),
            "revision " + hash +
                " was taken back before (TooManyFailures: 1 node failed with it), so it is not "
                "rolled out; `musterctl rollout resume ds/web` does it all the same");
  // Also when it stands there already, as from a pipeline that applies every few minutes.
  EXPECT_EQ(Apply({DaemonSet("web", "bad:1")})->warnings_size(), 1);
}

TEST_F(AdminApiWriteTest, TheBuiltInNamespacesAreThereAndMadeOnce) {
  for (const char* name : {"default", "kube-system", "kube-public"}) {
    EXPECT_TRUE(Has(v1::Object::kNamespaceObject, "", name)) << name;
  }
  const int64_t revision = *store_.CurrentRevision();
  EXPECT_TRUE(api_.CreateBuiltInNamespaces().ok());
  EXPECT_EQ(*store_.CurrentRevision(), revision);
}

TEST_F(AdminApiWriteTest, ApplyCreatesConfiguresAndLeavesAlone) {
  absl::StatusOr<admin::v1::ApplyResponse> response = Apply({DaemonSet("web")});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(Outcomes(*response), ElementsAre(ApplyResult::CREATED));
  const v1::ObjectMeta& metadata = response->results(0).object().daemon_set().metadata();
  EXPECT_EQ(metadata.namespace_(), "default");
  EXPECT_EQ(metadata.generation(), 1);
  EXPECT_FALSE(metadata.uid().empty());
  EXPECT_FALSE(metadata.resource_version().empty());
  EXPECT_EQ(objects_.Get(v1::Object::kDaemonSet, "default", "web")->DebugString(),
            response->results(0).object().DebugString());

  const int64_t revision = *store_.CurrentRevision();
  EXPECT_THAT(Outcomes(*Apply({DaemonSet("web")})), ElementsAre(ApplyResult::UNCHANGED));
  EXPECT_EQ(*store_.CurrentRevision(), revision);

  response = Apply({DaemonSet("web", "busybox:2")});
  EXPECT_THAT(Outcomes(*response), ElementsAre(ApplyResult::CONFIGURED));
  EXPECT_EQ(response->results(0).object().daemon_set().metadata().generation(), 2);
}

TEST_F(AdminApiWriteTest, AllObjectsAreStoredInOneTransaction) {
  const int64_t revision = *store_.CurrentRevision();
  ASSERT_TRUE(Apply({DaemonSet("a"), ConfigMap("b", "1"), DaemonSet("c")}).ok());
  EXPECT_EQ(*store_.CurrentRevision(), revision + 1);
}

TEST_F(AdminApiWriteTest, OneInvalidObjectKeepsAllFromBeingStoredAndAllProblemsAreNamed) {
  const int64_t revision = *store_.CurrentRevision();
  v1::Object no_containers = DaemonSet("bad1");
  no_containers.mutable_daemon_set()
      ->mutable_spec()
      ->mutable_template_()
      ->mutable_spec()
      ->clear_containers();
  v1::Object mismatch = DaemonSet("bad2");
  (*mismatch.mutable_daemon_set()
        ->mutable_spec()
        ->mutable_selector()
        ->mutable_match_labels())["app"] = "other";
  const absl::Status status = Apply({DaemonSet("good"), no_containers, mismatch}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("The DaemonSet \"bad1\" is invalid"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("The DaemonSet \"bad2\" is invalid"));
  const admin::v1::ApplyProblems problems = ProblemsOf(status);
  ASSERT_EQ(problems.problems_size(), 2);
  EXPECT_EQ(problems.problems(0).object_index(), 1);
  EXPECT_EQ(problems.problems(0).path(), "spec.template.spec.containers");
  EXPECT_EQ(problems.problems(0).type(), "Required value");
  EXPECT_EQ(problems.problems(1).object_index(), 2);
  EXPECT_EQ(*store_.CurrentRevision(), revision);
}

TEST_F(AdminApiWriteTest, TheSameObjectTwiceInOneRequestIsAProblem) {
  const absl::Status status = Apply({ConfigMap("a", "1"), ConfigMap("a", "2")}).status();
  const admin::v1::ApplyProblems problems = ProblemsOf(status);
  ASSERT_EQ(problems.problems_size(), 1);
  EXPECT_EQ(problems.problems(0).object_index(), 1);
  EXPECT_EQ(problems.problems(0).type(), "Duplicate value");
}

TEST_F(AdminApiWriteTest, AStoreThatRefusesLeavesNothingBehind) {
  store_.FailNextTransact(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_EQ(Apply({ConfigMap("a", "1"), ConfigMap("b", "1")}).status(),
            absl::ResourceExhaustedError("the disk is full"));
  EXPECT_FALSE(Has(v1::Object::kConfigMap, "default", "a"));
  EXPECT_FALSE(Has(v1::Object::kConfigMap, "default", "b"));
}

TEST_F(AdminApiWriteTest, SomebodyElsesWriteInBetweenIsReadAndMergedAgain) {
  ASSERT_TRUE(Apply({ConfigMap("a", "1")}).ok());
  store_.FailNextTransact(absl::AbortedError("changed"));
  const absl::StatusOr<admin::v1::ApplyResponse> response = Apply({ConfigMap("a", "2")});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(objects_.Get(v1::Object::kConfigMap, "default", "a")->config_map().data().at("key"),
            "2");
}

TEST_F(AdminApiWriteTest, DryRunSaysWhatWouldHappen) {
  const int64_t revision = *store_.CurrentRevision();
  const absl::StatusOr<admin::v1::ApplyResponse> response = Apply({DaemonSet("web")}, true);
  ASSERT_TRUE(response.ok());
  EXPECT_THAT(Outcomes(*response), ElementsAre(ApplyResult::CREATED));
  EXPECT_FALSE(response->results(0).object().daemon_set().spec().update_strategy().type().empty());
  EXPECT_EQ(*store_.CurrentRevision(), revision);
}

TEST_F(AdminApiWriteTest, TheChangeCauseIsAnAnnotation) {
  const absl::StatusOr<admin::v1::ApplyResponse> response =
      Apply({DaemonSet("web")}, false, "musterctl apply --record=true");
  EXPECT_EQ(response->results(0).object().daemon_set().metadata().annotations().at(
                "kubernetes.io/change-cause"),
            "musterctl apply --record=true");
}

TEST_F(AdminApiWriteTest, AMissingNamespaceIsMadeInTheSameTransactionWithAWarning) {
  const int64_t revision = *store_.CurrentRevision();
  const absl::StatusOr<admin::v1::ApplyResponse> response =
      Apply({ConfigMap("a", "1", "logging"), ConfigMap("b", "1", "logging")});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(Has(v1::Object::kNamespaceObject, "", "logging"));
  EXPECT_EQ(*store_.CurrentRevision(), revision + 1);
  ASSERT_EQ(response->warnings_size(), 1);
  EXPECT_EQ(response->warnings(0).object_index(), 0);
  EXPECT_EQ(response->warnings(0).path(), "metadata.namespace");
  EXPECT_THAT(response->warnings(0).text(), HasSubstr("logging"));
  // It is there now.
  EXPECT_THAT(Apply({ConfigMap("c", "1", "logging")})->warnings(), IsEmpty());
}

TEST_F(AdminApiWriteTest, ANamespaceOfTheSameRequestNeedsNoWarning) {
  v1::Object ns = model::NewObject(*model::FindKind(v1::Object::kNamespaceObject));
  ns.mutable_namespace_object()->mutable_metadata()->set_name("logging");
  const absl::StatusOr<admin::v1::ApplyResponse> response =
      Apply({ConfigMap("a", "1", "logging"), ns});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->warnings(), IsEmpty());
}

TEST_F(AdminApiWriteTest, UpdateReplacesAndChecksTheRevisionWhenThereIsOne) {
  ASSERT_TRUE(Apply({DaemonSet("web")}).ok());
  admin::v1::UpdateRequest request;
  *request.mutable_object() = *objects_.Get(v1::Object::kDaemonSet, "default", "web");
  v1::ObjectMeta& metadata = *request.mutable_object()->mutable_daemon_set()->mutable_metadata();
  (*metadata.mutable_labels())["tier"] = "a";
  absl::StatusOr<admin::v1::UpdateResponse> response = api_.Update(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->changed());
  EXPECT_EQ(objects_.Get(v1::Object::kDaemonSet, "default", "web")
                ->daemon_set()
                .metadata()
                .labels()
                .at("tier"),
            "a");
  // Only the spec raises the generation.
  EXPECT_EQ(response->object().daemon_set().metadata().generation(), 1);

  EXPECT_EQ(api_.Update(request).status(), ObjectConflict(v1::Object::kDaemonSet, "web"));
  metadata.clear_resource_version();
  response = api_.Update(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_FALSE(response->changed());
}

TEST_F(AdminApiWriteTest, UpdateOfWhatIsNotThereIsNotFound) {
  admin::v1::UpdateRequest request;
  *request.mutable_object() = DaemonSet("web");
  EXPECT_EQ(api_.Update(request).status(),
            absl::NotFoundError("daemonsets.apps \"web\" not found"));
}

TEST_F(AdminApiWriteTest, DeleteRemovesOrTellsThatThereIsNothing) {
  ASSERT_TRUE(Apply({DaemonSet("web")}).ok());
  EXPECT_TRUE(Delete("ds", "web", /*dry_run=*/true).ok());
  EXPECT_TRUE(Has(v1::Object::kDaemonSet, "default", "web"));
  const absl::StatusOr<admin::v1::DeleteResponse> response = Delete("ds", "web");
  ASSERT_TRUE(response.ok());
  EXPECT_FALSE(response->object().daemon_set().metadata().uid().empty());
  EXPECT_FALSE(Has(v1::Object::kDaemonSet, "default", "web"));
  EXPECT_EQ(Delete("ds", "web").status(), absl::NotFoundError("daemonsets.apps \"web\" not found"));
}

TEST_F(AdminApiWriteTest, AForegroundDeletionKeepsTheObjectForTheControllers) {
  ASSERT_TRUE(Apply({DaemonSet("web")}).ok());
  const absl::StatusOr<admin::v1::DeleteResponse> response =
      Delete("ds", "web", false, admin::v1::DeleteRequest::FOREGROUND);
  ASSERT_TRUE(response.ok());
  const v1::DaemonSet stored = objects_.Get(v1::Object::kDaemonSet, "default", "web")->daemon_set();
  EXPECT_TRUE(stored.metadata().has_deletion_timestamp());
  EXPECT_THAT(stored.metadata().finalizers(), ElementsAre("foregroundDeletion"));
  EXPECT_EQ(response->object().daemon_set().metadata().resource_version(),
            stored.metadata().resource_version());
}

// Spec: 3.1/terminating-namespace. So no pod is ever created in one that goes away.
TEST_F(AdminApiWriteTest, ANamespaceHasToBeEmptyToGo) {
  ASSERT_TRUE(Apply({ConfigMap("a", "1", "logging")}).ok());
  EXPECT_EQ(Delete("ns", "logging").status(),
            absl::FailedPreconditionError(
                "namespaces \"logging\" still holds 1 objects; delete these first"));
  ObjectTransaction transaction;
  transaction.DeleteAny(v1::Object::kConfigMap, "logging", "a");
  ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  EXPECT_TRUE(Delete("ns", "logging").ok());
  EXPECT_FALSE(Has(v1::Object::kNamespaceObject, "", "logging"));
}

}  // namespace
}  // namespace muster::coordinator
