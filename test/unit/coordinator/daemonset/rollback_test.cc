#include "coordinator/daemonset/rollback.h"

#include "coordinator/daemonset/revision_history.h"
#include "coordinator/templates/effective.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RollbackTest : public testing::Test {
 protected:
  // A revision of what the DaemonSet would be with this image.
  void Keep(int64_t number, const std::string& image) {
    v1::DaemonSet past = daemon_set_;
    SetImage(past, image);
    v1::ControllerRevision revision;
    revision.mutable_metadata()->set_name("web-" + image);
    *revision.mutable_metadata()->add_owner_references() = OwnerReferenceTo(daemon_set_);
    revision.mutable_data()->set_json(RevisionData(past.spec().template_()));
    revision.set_revision(number);
    revisions_.push_back(revision);
  }
  static void SetImage(v1::DaemonSet& daemon_set, const std::string& image) {
    daemon_set.mutable_spec()
        ->mutable_template_()
        ->mutable_spec()
        ->mutable_containers(0)
        ->set_image(image);
  }
  std::vector<const v1::ControllerRevision*> Pointers() const {
    std::vector<const v1::ControllerRevision*> pointers;
    for (const v1::ControllerRevision& each : revisions_) pointers.push_back(&each);
    return pointers;
  }
  absl::StatusOr<Rollback> Plan(int64_t to_revision) const {
    return PlanRollback(daemon_set_, Pointers(), to_revision);
  }
  static std::string ImageOf(const Rollback& rollback) {
    return rollback.daemon_set.spec().template_().spec().containers(0).image();
  }

  v1::DaemonSet daemon_set_ = DaemonSetNamed("web");
  std::vector<v1::ControllerRevision> revisions_;
};

// Spec: 12.6/undo
TEST_F(RollbackTest, WithoutANumberItIsTheSecondHighest) {
  Keep(3, "c");
  Keep(1, "a");
  Keep(2, "b");
  SetImage(daemon_set_, "c");
  const absl::StatusOr<Rollback> rollback = Plan(0);
  ASSERT_TRUE(rollback.ok()) << rollback.status();
  EXPECT_TRUE(rollback->changed);
  EXPECT_EQ(ImageOf(*rollback), "b");
}

// Spec: 12.6/undo
TEST_F(RollbackTest, ANumberNamesTheRevision) {
  Keep(1, "a");
  Keep(2, "b");
  Keep(3, "c");
  SetImage(daemon_set_, "c");
  daemon_set_.mutable_spec()->set_min_ready_seconds(7);
  const absl::StatusOr<Rollback> rollback = Plan(1);
  ASSERT_TRUE(rollback.ok()) << rollback.status();
  EXPECT_EQ(ImageOf(*rollback), "a");
  // Only the template goes back.
  EXPECT_EQ(rollback->daemon_set.spec().min_ready_seconds(), 7);
  EXPECT_EQ(RevisionData(rollback->daemon_set.spec().template_()), revisions_[0].data().json())
      << "so that the controller finds the old revision, and pods that carry it stay";
}

// Spec: 12.6/undo
TEST_F(RollbackTest, AnEqualTemplateIsNoChange) {
  Keep(1, "a");
  Keep(2, "b");
  SetImage(daemon_set_, "b");
  const absl::StatusOr<Rollback> rollback = Plan(2);
  ASSERT_TRUE(rollback.ok()) << rollback.status();
  EXPECT_FALSE(rollback->changed);
}

// Spec: 12.6/undo
TEST_F(RollbackTest, WhatIsNotInTheHistoryIsSaidInKubectlsWords) {
  Keep(1, "a");
  EXPECT_EQ(Plan(0).status(), absl::FailedPreconditionError("no last revision to roll back to"));
  EXPECT_EQ(Plan(9).status(),
            absl::FailedPreconditionError("unable to find specified revision 9 in history"));
}

TEST_F(RollbackTest, RevisionsOfOthersAreNoHistory) {
  Keep(1, "a");
  Keep(2, "b");
  Keep(3, "c");
  revisions_[1].mutable_metadata()->mutable_owner_references(0)->set_uid("another");
  revisions_[2].mutable_metadata()->clear_owner_references();
  EXPECT_THAT(HistoryOf(daemon_set_, Pointers()), ElementsAre(&revisions_[0]));
  EXPECT_FALSE(Plan(2).ok());
}

// Overrides live in an annotation of the DaemonSet, and in that of the template of its revisions.
TEST_F(RollbackTest, OverridesGoBackToWhatTheyWere) {
  const std::string then = R"([{"selector":{"matchLabels":{"a":"b"}},"image":"x"}])";
  const auto keep = [&](int64_t number, const char* overrides) {
    v1::DaemonSet past = daemon_set_;
    if (overrides != nullptr) {
      (*past.mutable_metadata()->mutable_annotations())["muster.dev/overrides"] = overrides;
    }
    Keep(number, "a");
    revisions_.back().mutable_data()->set_json(
        RevisionData(EffectiveDaemonSet(past, "").spec().template_()));
  };
  SetImage(daemon_set_, "a");
  keep(1, then.c_str());
  keep(2, nullptr);
  const absl::StatusOr<Rollback> rollback = Plan(1);
  ASSERT_TRUE(rollback.ok()) << rollback.status();
  EXPECT_TRUE(rollback->changed);
  const v1::DaemonSet& restored = rollback->daemon_set;
  EXPECT_EQ(restored.metadata().annotations().at("muster.dev/overrides"), then);
  EXPECT_FALSE(
      restored.spec().template_().metadata().annotations().contains("muster.dev/overrides"));
  daemon_set_ = restored;
  EXPECT_FALSE(Plan(1)->changed);
}

TEST_F(RollbackTest, DataThatIsNoTemplateIsAnErrorThatNamesTheRevision) {
  for (const char* data : {"", "{", "{}", R"({"spec":{}})", R"({"spec":{"template":3}})"}) {
    v1::ControllerRevision revision;
    revision.set_revision(4);
    revision.mutable_metadata()->set_name("web-x");
    revision.mutable_data()->set_json(data);
    const absl::Status status = TemplateOf(revision).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << data;
    EXPECT_THAT(std::string(status.message()), HasSubstr("revision 4 (web-x)"));
  }
}

}  // namespace
}  // namespace muster::coordinator
