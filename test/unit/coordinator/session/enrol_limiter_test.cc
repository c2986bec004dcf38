#include "coordinator/session/enrol_limiter.h"

#include <chrono>
#include <string>

#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

class EnrolLimiterTest : public ::testing::Test {
 protected:
  // How many wrong tokens this peer may try right now.
  int Tries(const std::string& peer, int at_most = 100) {
    int tries = 0;
    while (tries < at_most && limiter_.Check(peer).ok()) {
      limiter_.Failed(peer);
      ++tries;
    }
    return tries;
  }

  ManualClock clock_;
  EnrolLimiter limiter_{clock_, {.failures_max = 3, .forgiven_each = 10s, .addresses_max = 4}};
};

TEST_F(EnrolLimiterTest, AnAddressHasSoManyWrongTokensAndGetsOneBackFromTimeToTime) {
  EXPECT_EQ(Tries("ipv4:10.0.0.1:1000"), 3);
  EXPECT_EQ(limiter_.Check("ipv4:10.0.0.1:1000"),
            absl::ResourceExhaustedError("too many wrong tokens; try again in 10 s"));
  clock_.Advance(10s - 1ns);
  EXPECT_EQ(Tries("ipv4:10.0.0.1:1000"), 0);
  clock_.Advance(1ns);
  EXPECT_EQ(Tries("ipv4:10.0.0.1:1000"), 1);
  clock_.Advance(1h);
  EXPECT_EQ(Tries("ipv4:10.0.0.1:1000"), 3);
}

TEST_F(EnrolLimiterTest, AnotherPortIsTheSameAddressAnotherHostIsNot) {
  Tries("ipv4:10.0.0.1:1000");
  EXPECT_FALSE(limiter_.Check("ipv4:10.0.0.1:2000").ok());
  EXPECT_TRUE(limiter_.Check("ipv4:10.0.0.2:1000").ok());
}

TEST_F(EnrolLimiterTest, WhoHasANetworkOfIpv6HasOneAddress) {
  EXPECT_EQ(Tries("ipv6:%5B2001:db8::1%5D:1"), 3);
  for (int host = 2; host < 50; ++host) {
    EXPECT_EQ(Tries("ipv6:%5B2001:db8::" + std::to_string(host) + "%5D:1"), 0) << host;
  }
  // And takes no place that others need.
  EXPECT_EQ(Tries("ipv6:%5B2001:db8:0:1::1%5D:1"), 3);
  EXPECT_EQ(Tries("ipv4:10.0.0.1:1"), 3);
}

TEST_F(EnrolLimiterTest, WhoNeverFailedMayAlwaysTryUntilThereAreTooManyToTellApart) {
  for (int i = 1; i <= 4; ++i) Tries("ipv4:10.0.0." + std::to_string(i) + ":1");
  // The fifth and sixth share what is left for strangers.
  EXPECT_EQ(Tries("ipv4:10.0.0.5:1"), 3);
  EXPECT_EQ(Tries("ipv4:10.0.0.6:1"), 0);
  clock_.Advance(1h);
  EXPECT_EQ(Tries("ipv4:10.0.0.6:1"), 3);
}

}  // namespace
}  // namespace muster::coordinator
