#include "agent/enrol/renewal.h"

#include <gtest/gtest.h>

namespace muster::agent {
namespace {

using namespace std::chrono_literals;

const WallTime kMade = WallTime(std::chrono::seconds(1'700'000'000));
constexpr std::chrono::seconds kLife = 24h * 6;

HeldCertificate Held(double dice) { return {kMade, kMade + kLife, "old", dice}; }

TEST(Renewal, IsPlannedByAgeAndByWhoSigns) {
  const struct {
    const char* what;
    double dice;
    WantedIssuer wanted;
    WallTime now;
    RenewalPlan plan;
  } cases[] = {
      {"two thirds", 0, {}, kMade, {kMade + 24h * 4, RenewalCause::kAge}},
      {"and a tenth", 1, {}, kMade, {kMade + 24h * 4 + kLife / 10, RenewalCause::kAge}},
      {"long due", 0, {}, kMade + 24h * 5, {kMade + 24h * 4, RenewalCause::kAge}},
      {"the last moment", 0, {}, kMade + kLife, {kMade + 24h * 4, RenewalCause::kAge}},
      {"over", 1, {}, kMade + kLife + 1s, {kMade + kLife, RenewalCause::kExpired}},
      {"the same signs", 0, {"old", kMade}, kMade, {kMade + 24h * 4, RenewalCause::kAge}},
      {"another signs", 0, {"new", kMade + 1h}, kMade + 1h, {kMade + 1h, RenewalCause::kNewCa}},
      {"spread out", 1, {"new", kMade + 1h}, kMade + 1h, {kMade + 1h + 60s, RenewalCause::kNewCa}},
      {"age comes first",
       0,
       {"new", kMade + 24h * 5},
       kMade + 24h * 5,
       {kMade + 24h * 4, RenewalCause::kAge}},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(PlanRenewal(Held(test.dice), test.wanted, test.now), test.plan) << test.what;
  }
}

TEST(Renewal, WhatLivesForAMomentIsNotSpreadBeyondThat) {
  const HeldCertificate held{kMade, kMade + 60s, "old", 1};
  EXPECT_EQ(PlanRenewal(held, {"new", kMade}, kMade).at, kMade + 3s);
}

TEST(Renewal, TriesGetRareButNotForWhoIsJustAway) {
  const absl::Status away = absl::UnavailableError("away");
  const absl::Status refused = absl::UnauthenticatedError("no");
  EXPECT_EQ(RenewalPause(1, away, kLife, 1), Duration(10s));
  EXPECT_EQ(RenewalPause(1, away, kLife, 0), Duration(5s));
  EXPECT_EQ(RenewalPause(2, away, kLife, 1), Duration(20s));
  EXPECT_EQ(RenewalPause(100, away, kLife, 1), Duration(30s));
  EXPECT_EQ(RenewalPause(2, refused, kLife, 1), Duration(20s));
  EXPECT_EQ(RenewalPause(100, refused, kLife, 1), Duration(1h));
  EXPECT_EQ(RenewalPause(100, refused, 60s, 1), Duration(3s));
  EXPECT_EQ(RenewalPause(1, refused, 0s, 1), Duration(1s));
}

}  // namespace
}  // namespace muster::agent
