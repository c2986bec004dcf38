#include "ctl/client/expiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pki/pki.h"

namespace muster::ctl {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

const WallTime kMade = WallTime(std::chrono::seconds(1'700'000'000));

std::string Certificate(std::chrono::seconds lifetime) {
  const auto ca = pki::MakeCa("fleet", kMade, 24h * 999).value();
  const auto request = pki::MakeRequest(pki::PrivateKey::Generate().value(), "x").value();
  return pki::SignClientRequest(ca, request, "otto", pki::kUserOrganization, kMade, lifetime)
      .value();
}

TEST(Expiry, IsSaidTwoWeeksAheadAndWhenItIsOver) {
  const struct {
    const char* what;
    std::chrono::seconds lifetime;
    WallTime now;
    bool usable, warns;
  } cases[] = {
      {"young", 24h * 365, kMade, true, false},
      {"a month left", 24h * 365, kMade + 24h * 335, true, false},
      {"13 days left", 24h * 365, kMade + 24h * 352, true, true},
      {"the last moment", 24h * 365, kMade + 24h * 365, true, true},
      {"over", 24h * 365, kMade + 24h * 365 + 1s, false, false},
      {"not yet", 24h * 365, kMade - 24h, false, false},
      {"for a day, in the morning", 24h, kMade + 1h, true, false},
      {"for a day, late", 24h, kMade + 20h, true, true},
  };
  for (const auto& test : cases) {
    const Expiry expiry = CheckExpiry(Certificate(test.lifetime), "otto.yaml", test.now);
    EXPECT_EQ(expiry.usable.ok(), test.usable) << test.what << ": " << expiry.usable;
    EXPECT_EQ(!expiry.warning.empty(), test.warns) << test.what << ": " << expiry.warning;
  }
}

TEST(Expiry, ItSaysWhoseWhenAndWhatToDo) {
  const Expiry over = CheckExpiry(Certificate(24h), "otto.yaml", kMade + 25h);
  EXPECT_THAT(std::string(over.usable.message()),
              AllOf(HasSubstr("user \"otto\" in otto.yaml ended on 2023-11-15 22:13 UTC"),
                    HasSubstr("musterctl user create otto")));
}

TEST(Expiry, WhatIsNoCertificateIsLeftToOthers) {
  const Expiry expiry = CheckExpiry("rubbish", "f", kMade);
  EXPECT_TRUE(expiry.usable.ok());
  EXPECT_EQ(expiry.warning, "");
}

}  // namespace
}  // namespace muster::ctl
