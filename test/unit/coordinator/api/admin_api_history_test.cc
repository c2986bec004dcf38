#include <string>

#include "coordinator/api/admin_api.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A DaemonSet whose revisions are kept as the controller would.
class AdminApiHistoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(api_.CreateBuiltInNamespaces().ok());
    ASSERT_TRUE(api_.Apply(Manifest("busybox:1")).ok());
    KeepRevisions();
  }

  static admin::v1::ApplyRequest Manifest(const std::string& image, const std::string& cause = "") {
    admin::v1::ApplyRequest request;
    request.set_change_cause(cause);
    v1::Object& object = *request.add_objects();
    object = model::NewObject(*model::FindKind(v1::Object::kDaemonSet));
    v1::DaemonSet& set = *object.mutable_daemon_set();
    set.mutable_metadata()->set_name("web");
    (*set.mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "web";
    v1::PodTemplateSpec& pod = *set.mutable_spec()->mutable_template_();
    (*pod.mutable_metadata()->mutable_labels())["app"] = "web";
    v1::Container& container = *pod.mutable_spec()->add_containers();
    container.set_name("main");
    container.set_image(image);
    return request;
  }
  v1::DaemonSet Stored() {
    return objects_.Get(v1::Object::kDaemonSet, "default", "web")->daemon_set();
  }
  std::string Image() { return Stored().spec().template_().spec().containers(0).image(); }
  void KeepRevisions() {
    const ObjectList list = *objects_.List({v1::Object::kControllerRevision, "default"});
    std::vector<const v1::ControllerRevision*> revisions;
    for (const v1::Object& object : list.items) revisions.push_back(&object.controller_revision());
    const v1::DaemonSet daemon_set = Stored();
    const RevisionPlan plan = PlanRevisions({daemon_set, revisions, {}});
    ObjectTransaction transaction;
    v1::Object object;
    for (const v1::ControllerRevision& each : plan.create) {
      *object.mutable_controller_revision() = each;
      transaction.Create(object);
    }
    for (const v1::ControllerRevision& each : plan.update) {
      *object.mutable_controller_revision() = each;
      transaction.Update(object);
    }
    if (transaction.empty()) return;
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  absl::StatusOr<std::string> History(int64_t revision = 0) {
    admin::v1::RolloutHistoryRequest request;
    request.mutable_ref()->set_resource("daemonsets");
    request.mutable_ref()->set_name("web");
    request.set_revision(revision);
    const auto response = api_.RolloutHistory(request);
    if (!response.ok()) return response.status();
    return response->text();
  }
  absl::StatusOr<admin::v1::RolloutUndoResponse> Undo(int64_t to_revision = 0,
                                                      bool dry_run = false) {
    admin::v1::RolloutUndoRequest request;
    request.mutable_ref()->set_resource("daemonsets");
    request.mutable_ref()->set_name("web");
    request.set_to_revision(to_revision);
    request.set_dry_run(dry_run);
    return api_.RolloutUndo(request);
  }

  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  AdminApi api_{objects_, clock_};
};

// Spec: 12.6/history
TEST_F(AdminApiHistoryTest, HistoryListsTheRevisionsWithTheirCauses) {
  ASSERT_TRUE(api_.Apply(Manifest("busybox:2", "musterctl apply --filename=web.yaml")).ok());
  KeepRevisions();
  EXPECT_EQ(*History(),
            "daemonset.apps/web \n"
            "REVISION  CHANGE-CAUSE\n"
            "1         <none>\n"
            "2         musterctl apply --filename=web.yaml\n"
            "\n");
}

// Spec: 12.6/history
TEST_F(AdminApiHistoryTest, HistoryOfOneRevisionIsItsTemplate) {
  EXPECT_THAT(*History(1), StartsWith("daemonset.apps/web with revision #1\n"
                                      "Pod Template:\n"
                                      "  Labels:  app=web\n"
                                      "  Containers:\n"
                                      "   main:\n"));
  EXPECT_THAT(*History(1), HasSubstr("    Image:  "));
  EXPECT_THAT(*History(1), HasSubstr("busybox:1\n"));
  EXPECT_EQ(History(7).status(),
            absl::FailedPreconditionError("unable to find the specified revision"));
}

// Spec: 12.6/undo, 6/equal-template
TEST_F(AdminApiHistoryTest, UndoPutsTheTemplateBackAndNumbersOnlyGrow) {
  ASSERT_TRUE(api_.Apply(Manifest("busybox:2")).ok());
  KeepRevisions();
  ASSERT_TRUE(api_.Apply(Manifest("busybox:3")).ok());
  KeepRevisions();
  const int64_t generation = Stored().metadata().generation();
  const auto undone = Undo(1);
  ASSERT_TRUE(undone.ok()) << undone.status();
  EXPECT_TRUE(undone->changed());
  EXPECT_EQ(Image(), "busybox:1");
  EXPECT_EQ(Stored().metadata().generation(), generation + 1);
  KeepRevisions();
  EXPECT_THAT(*History(), HasSubstr("\n2         <none>\n3         <none>\n4         <none>\n"));
  // The one before the present is the third now.
  ASSERT_TRUE(Undo().ok());
  EXPECT_EQ(Image(), "busybox:3");
}

// Spec: 12.6/undo
TEST_F(AdminApiHistoryTest, UndoToThePresentChangesNothing) {
  ASSERT_TRUE(api_.Apply(Manifest("busybox:2")).ok());
  KeepRevisions();
  const std::string before = Stored().metadata().resource_version();
  const auto undone = Undo(2);
  ASSERT_TRUE(undone.ok()) << undone.status();
  EXPECT_FALSE(undone->changed());
  EXPECT_EQ(Stored().metadata().resource_version(), before);
}

TEST_F(AdminApiHistoryTest, ADryRunOfUndoStoresNothing) {
  ASSERT_TRUE(api_.Apply(Manifest("busybox:2")).ok());
  KeepRevisions();
  const auto undone = Undo(1, /*dry_run=*/true);
  ASSERT_TRUE(undone.ok()) << undone.status();
  EXPECT_TRUE(undone->changed());
  EXPECT_EQ(undone->object().daemon_set().spec().template_().spec().containers(0).image(),
            "busybox:1");
  EXPECT_EQ(Image(), "busybox:2");
}

TEST_F(AdminApiHistoryTest, OnlyADaemonSetThatIsThereHasAHistory) {
  admin::v1::RolloutHistoryRequest request;
  request.mutable_ref()->set_resource("pods");
  request.mutable_ref()->set_name("web");
  EXPECT_EQ(api_.RolloutHistory(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.mutable_ref()->set_resource("daemonsets");
  request.mutable_ref()->set_name("nobody");
  EXPECT_EQ(api_.RolloutHistory(request).status(),
            absl::NotFoundError("daemonsets.apps \"nobody\" not found"));
}

TEST_F(AdminApiHistoryTest, CreateRefusesWhatIsThereAndKeepsNoManifest) {
  admin::v1::ApplyRequest request = Manifest("busybox:1");
  request.set_create_only(true);
  EXPECT_EQ(api_.Apply(request).status(),
            absl::AlreadyExistsError("daemonsets.apps \"web\" already exists"));
  request.mutable_objects(0)->mutable_daemon_set()->mutable_metadata()->set_name("new");
  const auto created = api_.Apply(request);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_FALSE(model::MetadataOf(created->results(0).object())
                   .annotations()
                   .contains("kubectl.kubernetes.io/last-applied-configuration"));
  // Apply on top of it says that it cannot know what to remove.
  request.set_create_only(false);
  const auto applied = api_.Apply(request);
  ASSERT_TRUE(applied.ok()) << applied.status();
  ASSERT_EQ(applied->warnings_size(), 1);
  EXPECT_THAT(applied->warnings(0).text(), HasSubstr("daemonsets/new was not made by apply"));
  EXPECT_EQ(api_.Apply(request)->warnings_size(), 0) << "it knows now";
}

TEST_F(AdminApiHistoryTest, DeletingByUidSparesAnotherOneOfTheName) {
  admin::v1::DeleteRequest request;
  request.mutable_ref()->set_resource("daemonsets");
  request.mutable_ref()->set_name("web");
  request.set_uid("of another life");
  EXPECT_EQ(api_.Delete(request).status().code(), absl::StatusCode::kNotFound);
  request.set_uid(Stored().metadata().uid());
  EXPECT_TRUE(api_.Delete(request).ok());
}

TEST_F(AdminApiHistoryTest, ATableComesWithItsObjectsOnDemand) {
  admin::v1::ListRequest request;
  request.set_resource("daemonsets");
  request.set_as_table(true);
  EXPECT_EQ(api_.List(request)->objects_size(), 0);
  request.set_with_objects(true);
  const auto list = api_.List(request);
  ASSERT_EQ(list->objects_size(), 1);
  EXPECT_EQ(list->table().rows_size(), 1);
}

}  // namespace
}  // namespace muster::coordinator
