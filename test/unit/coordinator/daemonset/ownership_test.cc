#include "coordinator/daemonset/ownership.h"

#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

enum class Owner { kThis, kOther, kNobody };

struct Case {
  const char* rule;
  Owner owner;
  bool labels_match;
  Claim expected;
};

v1::ObjectMeta ObjectOf(Owner owner) {
  v1::ObjectMeta object;
  object.set_namespace_("default");
  if (owner == Owner::kThis) Adopt(DaemonSetNamed("web"), object);
  // Of the same kind and name, but another object: only the uid tells.
  if (owner == Owner::kOther) {
    v1::DaemonSet earlier = DaemonSetNamed("web");
    earlier.mutable_metadata()->set_uid("earlier");
    Adopt(earlier, object);
  }
  return object;
}

// Spec: 4.1/own-matching, 4.1/own-not-matching, 4.1/other-owner, 4.1/orphan-matching
// Spec: 4.1/orphan-not-matching
TEST(ClaimOf, FollowsTheControllerReferenceAndTheLabels) {
  const Case cases[] = {
      {"its own", Owner::kThis, true, Claim::kManaged},
      {"released when the labels no longer match", Owner::kThis, false, Claim::kRelease},
      {"another controller's is ignored", Owner::kOther, true, Claim::kNone},
      {"another controller's without match", Owner::kOther, false, Claim::kNone},
      {"an orphan is adopted", Owner::kNobody, true, Claim::kAdopt},
      {"an orphan without match is ignored", Owner::kNobody, false, Claim::kNone},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(ClaimOf(ObjectOf(each.owner), each.labels_match, DaemonSetNamed("web")),
              each.expected)
        << each.rule;
  }
}

// Spec: 4.1/orphan-matching
TEST(ClaimOf, NothingIsAdoptedThatGoesAway) {
  v1::ObjectMeta orphan = ObjectOf(Owner::kNobody);
  *orphan.mutable_deletion_timestamp() = FromWallTime(kWall);
  EXPECT_EQ(ClaimOf(orphan, true, DaemonSetNamed("web")), Claim::kNone);
}

// Spec: 4.1/orphan-matching
TEST(ClaimOf, ATerminatingDaemonSetNeitherAdoptsNorReleases) {
  v1::DaemonSet leaving = DaemonSetNamed("web");
  *leaving.mutable_metadata()->mutable_deletion_timestamp() = FromWallTime(kWall);
  EXPECT_EQ(ClaimOf(ObjectOf(Owner::kNobody), true, leaving), Claim::kNone);
  EXPECT_EQ(ClaimOf(ObjectOf(Owner::kThis), false, leaving), Claim::kManaged);
}

TEST(ClaimOf, StaysInItsNamespace) {
  v1::ObjectMeta orphan = ObjectOf(Owner::kNobody);
  orphan.set_namespace_("elsewhere");
  EXPECT_EQ(ClaimOf(orphan, true, DaemonSetNamed("web")), Claim::kNone);
}

TEST(Release, TakesAwayOnlyThisOwner) {
  v1::ObjectMeta object;
  v1::OwnerReference& second = *object.add_owner_references();
  second.set_uid("second");
  Adopt(DaemonSetNamed("web"), object);
  ASSERT_EQ(object.owner_references_size(), 2);
  ASSERT_NE(ControllerOf(object), nullptr);
  EXPECT_EQ(ControllerOf(object)->uid(), "uid-of-web");
  Release("uid-of-web", object);
  ASSERT_EQ(object.owner_references_size(), 1);
  EXPECT_EQ(object.owner_references(0).uid(), "second");
  EXPECT_EQ(ControllerOf(object), nullptr);
}

}  // namespace
}  // namespace muster::coordinator
