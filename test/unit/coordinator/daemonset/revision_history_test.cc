#include "coordinator/daemonset/revision_history.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/model/hash.h"
#include "coordinator/templates/node_overrides.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Pair;
using testing::UnorderedElementsAre;

class RevisionHistory : public testing::Test {
 protected:
  RevisionPlan Plan() const {
    std::vector<const v1::ControllerRevision*> pointers;
    for (const v1::ControllerRevision& each : revisions_) pointers.push_back(&each);
    return PlanRevisions({daemon_set_, pointers, pods_by_hash_});
  }

  // Does what the plan says to the revisions.
  RevisionPlan PlanAndApply() {
    const RevisionPlan plan = Plan();
    for (const v1::ControllerRevision& each : plan.create) revisions_.push_back(each);
    for (const v1::ControllerRevision& changed : plan.update) {
      for (v1::ControllerRevision& each : revisions_) {
        if (each.metadata().name() == changed.metadata().name()) each = changed;
      }
    }
    for (const std::string& name : plan.remove) {
      std::erase_if(revisions_, [&](const auto& each) { return each.metadata().name() == name; });
    }
    return plan;
  }

  void SetImage(const std::string& image) {
    daemon_set_.mutable_spec()
        ->mutable_template_()
        ->mutable_spec()
        ->mutable_containers(0)
        ->set_image(image);
  }

  // The numbers of all revisions, by the image of their template.
  std::map<std::string, int64_t> NumbersByImage() const {
    std::map<std::string, int64_t> numbers;
    for (const v1::ControllerRevision& each : revisions_) {
      const std::string& json = each.data().json();
      const size_t begin = json.find("image:");
      numbers[json.substr(begin, json.find('"', begin) - begin)] = each.revision();
    }
    return numbers;
  }

  v1::DaemonSet daemon_set_ = DaemonSetNamed("web");
  std::vector<v1::ControllerRevision> revisions_;
  std::map<std::string, int> pods_by_hash_;
};

// Spec: 6/object, 6/metadata, 6/number
TEST_F(RevisionHistory, TheFirstRevisionOfATemplate) {
  (*daemon_set_.mutable_metadata()->mutable_annotations())["kubernetes.io/change-cause"] = "first";
  const RevisionPlan plan = Plan();
  ASSERT_EQ(plan.create.size(), 1u);
  const v1::ControllerRevision& revision = plan.create[0];
  EXPECT_THAT(plan.current_hash, MatchesRegex("[456789bcdf]+"));
  EXPECT_EQ(revision.api_version(), "apps/v1");
  EXPECT_EQ(revision.kind(), "ControllerRevision");
  EXPECT_EQ(revision.metadata().name(), "web-" + plan.current_hash);
  EXPECT_EQ(revision.metadata().namespace_(), "default");
  EXPECT_EQ(revision.revision(), 1);
  EXPECT_THAT(revision.metadata().labels(),
              UnorderedElementsAre(Pair("app", "web"),
                                   Pair("controller-revision-hash", plan.current_hash)));
  EXPECT_EQ(revision.metadata().annotations().at("kubernetes.io/change-cause"), "first");
  ASSERT_NE(ControllerOf(revision.metadata()), nullptr);
  EXPECT_EQ(ControllerOf(revision.metadata())->uid(), "uid-of-web");
  EXPECT_EQ(plan.collision_count, std::nullopt);
}

// Spec: 6/data
TEST_F(RevisionHistory, DataIsAPatchOfTheWholeTemplateAndNothingElse) {
  EXPECT_EQ(RevisionData(daemon_set_.spec().template_()),
            R"({"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},)"
            R"("spec":{"containers":[{"image":"image:1","name":"main"}],)"
            R"("terminationGracePeriodSeconds":30}}}})");
  EXPECT_EQ(RevisionData(v1::PodTemplateSpec()), R"({"spec":{"template":{"$patch":"replace"}}})");
}

// Spec: 6/data
TEST_F(RevisionHistory, AnEqualTemplateChangesNothing) {
  PlanAndApply();
  daemon_set_.mutable_spec()->set_min_ready_seconds(9);
  (*daemon_set_.mutable_metadata()->mutable_annotations())["a"] = "later";
  const RevisionPlan plan = Plan();
  EXPECT_TRUE(plan.settled());
  EXPECT_EQ(plan.current_hash, HashOf(revisions_[0]));
}

// Spec: 6/equal-template, 6/number
TEST_F(RevisionHistory, ATemplateThatWasThereBeforeIsReusedAndRenumbered) {
  const std::string first = PlanAndApply().current_hash;
  (*revisions_[0].mutable_metadata()->mutable_annotations())["cause"] = "first";
  SetImage("image:2");
  EXPECT_NE(PlanAndApply().current_hash, first);
  SetImage("image:3");
  PlanAndApply();
  EXPECT_THAT(NumbersByImage(),
              UnorderedElementsAre(Pair("image:1", 1), Pair("image:2", 2), Pair("image:3", 3)));
  SetImage("image:1");
  (*daemon_set_.mutable_metadata()->mutable_annotations())["cause"] = "rolled back";
  const RevisionPlan plan = PlanAndApply();
  EXPECT_EQ(plan.current_hash, first);
  EXPECT_THAT(plan.create, IsEmpty());
  EXPECT_THAT(NumbersByImage(),
              UnorderedElementsAre(Pair("image:1", 4), Pair("image:2", 2), Pair("image:3", 3)));
  EXPECT_EQ(revisions_[0].metadata().annotations().at("cause"), "first");
  EXPECT_TRUE(Plan().settled());
}

// Spec: 6/several-equal
TEST_F(RevisionHistory, OfSeveralEqualOnesTheHighestStaysAndPodsAreRelabelled) {
  const std::string hash = PlanAndApply().current_hash;
  v1::ControllerRevision twin = revisions_[0];
  twin.mutable_metadata()->set_name("web-twin");
  (*twin.mutable_metadata()->mutable_labels())[kRevisionHashLabel] = "twin";
  twin.set_revision(5);
  revisions_.push_back(twin);
  const RevisionPlan plan = PlanAndApply();
  EXPECT_EQ(plan.current_hash, "twin");
  EXPECT_THAT(plan.remove, ElementsAre("web-" + hash));
  EXPECT_THAT(plan.relabel, ElementsAre(Pair(hash, "twin")));
  EXPECT_TRUE(Plan().settled());
}

// Spec: 6/name-collision
TEST_F(RevisionHistory, ANameWithOtherDataRaisesTheCollisionCount) {
  const RevisionPlan undisturbed = Plan();
  v1::ControllerRevision stranger;
  stranger.mutable_metadata()->set_namespace_("default");
  stranger.mutable_metadata()->set_name(undisturbed.create[0].metadata().name());
  stranger.mutable_data()->set_json("{}");
  revisions_.push_back(stranger);
  const RevisionPlan plan = Plan();
  EXPECT_EQ(plan.collision_count, 1);
  ASSERT_EQ(plan.create.size(), 1u);
  EXPECT_NE(plan.current_hash, undisturbed.current_hash);
  EXPECT_EQ(plan.create[0].metadata().name(), "web-" + plan.current_hash);
}

// What overrides begin with is often what all nodes had before; a pod of then is known by its
// template, whatever its revision had to be called.
TEST_F(RevisionHistory, UnderOverridesEarlierRevisionsAreKnownByTheirTemplates) {
  const auto override_label = [this](const char* overrides) {
    (*daemon_set_.mutable_spec()
          ->mutable_template_()
          ->mutable_metadata()
          ->mutable_annotations())[kOverridesAnnotation] = overrides;
  };
  const std::string of_template = model::TemplateHash(daemon_set_.spec().template_(), std::nullopt);
  daemon_set_.mutable_status()->set_collision_count(1);
  const std::string collided = PlanAndApply().current_hash;
  ASSERT_NE(collided, of_template);
  EXPECT_THAT(Plan().template_hashes, IsEmpty()) << "nobody asks without overrides";
  override_label("[]");
  EXPECT_THAT(PlanAndApply().template_hashes, ElementsAre(Pair(collided, of_template)));
  // Those with overrides are several templates, and their pods say of which they are.
  override_label(R"([{"name": "edge"}])");
  EXPECT_THAT(Plan().template_hashes, ElementsAre(Pair(collided, of_template)));
}

// Spec: 6/hash, 6/name-collision
TEST_F(RevisionHistory, TheCollisionCountOfTheStatusIsPartOfTheHash) {
  const std::string without = Plan().current_hash;
  daemon_set_.mutable_status()->set_collision_count(3);
  EXPECT_NE(Plan().current_hash, without);
  EXPECT_EQ(Plan().collision_count, 3);
}

// Spec: 6/limit
TEST_F(RevisionHistory, TheLimitCountsNonCurrentRevisionsLowestFirst) {
  daemon_set_.mutable_spec()->set_revision_history_limit(2);
  for (const char* image : {"image:1", "image:2", "image:3"}) {
    SetImage(image);
    PlanAndApply();
  }
  EXPECT_EQ(revisions_.size(), 3u);
  SetImage("image:4");
  PlanAndApply();
  EXPECT_THAT(NumbersByImage(),
              UnorderedElementsAre(Pair("image:2", 2), Pair("image:3", 3), Pair("image:4", 4)));
}

// Spec: 6/limit
TEST_F(RevisionHistory, TheDefaultLimitIsTen) {
  for (int i = 1; i <= 13; ++i) {
    SetImage("image:" + std::to_string(i));
    PlanAndApply();
  }
  EXPECT_EQ(revisions_.size(), 11u);
}

// Spec: 6/limit
TEST_F(RevisionHistory, ALimitOfZeroKeepsOnlyTheCurrentOne) {
  daemon_set_.mutable_spec()->set_revision_history_limit(0);
  PlanAndApply();
  SetImage("image:2");
  PlanAndApply();
  EXPECT_THAT(NumbersByImage(), UnorderedElementsAre(Pair("image:2", 2)));
}

// Spec: 6/limit
TEST_F(RevisionHistory, ARevisionThatAPodCarriesIsNeverDeleted) {
  daemon_set_.mutable_spec()->set_revision_history_limit(0);
  pods_by_hash_[PlanAndApply().current_hash] = 1;
  SetImage("image:2");
  PlanAndApply();
  SetImage("image:3");
  PlanAndApply();
  EXPECT_THAT(NumbersByImage(), UnorderedElementsAre(Pair("image:1", 1), Pair("image:3", 3)));
}

TEST_F(RevisionHistory, OrphansAreAdoptedWithTheirHash) {
  const std::string hash = PlanAndApply().current_hash;
  revisions_[0].mutable_metadata()->clear_owner_references();
  daemon_set_.mutable_metadata()->set_uid("recreated");
  const RevisionPlan plan = PlanAndApply();
  EXPECT_EQ(plan.current_hash, hash);
  EXPECT_THAT(plan.create, IsEmpty());
  ASSERT_EQ(plan.update.size(), 1u);
  EXPECT_EQ(ControllerOf(plan.update[0].metadata())->uid(), "recreated");
  EXPECT_TRUE(Plan().settled());
}

TEST_F(RevisionHistory, RevisionsOfAnotherOwnerAreNotTouched) {
  PlanAndApply();
  daemon_set_.mutable_metadata()->set_uid("recreated");
  const RevisionPlan plan = Plan();
  EXPECT_THAT(plan.update, IsEmpty());
  EXPECT_THAT(plan.remove, IsEmpty());
  // Its name is taken all the same, so the new one needs another hash.
  EXPECT_EQ(plan.collision_count, 1);
}

TEST_F(RevisionHistory, OnesWhoseLabelsNoLongerMatchAreReleased) {
  PlanAndApply();
  (*revisions_[0].mutable_metadata()->mutable_labels())["app"] = "other";
  const RevisionPlan plan = Plan();
  ASSERT_EQ(plan.update.size(), 1u);
  EXPECT_EQ(ControllerOf(plan.update[0].metadata()), nullptr);
}

}  // namespace
}  // namespace muster::coordinator
