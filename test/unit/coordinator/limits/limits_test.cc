#include <chrono>
#include <optional>
#include <string>

#include "coordinator/limits/call_limiter.h"
#include "coordinator/limits/peer_network.h"
#include "coordinator/limits/token_bucket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(TokenBucket, HasABurstAndThenTheRate) {
  struct Row {
    TokenBucket::Rate rate;
    int at_once;    // What goes at one moment.
    Duration wait;  // What it says then.
  };
  for (const Row& row : {Row{{10, 1}, 1, 100ms}, Row{{10, 5}, 5, 100ms}, Row{{0.5, 3}, 3, 2s},
                         Row{{1'000, 1}, 1, 1ms}}) {
    TokenBucket bucket;
    const MonoTime now{1h};
    for (int i = 0; i < row.at_once; ++i) EXPECT_EQ(bucket.Take(row.rate, now), std::nullopt) << i;
    const std::optional<Duration> wait = bucket.Take(row.rate, now);
    ASSERT_TRUE(wait.has_value());
    EXPECT_EQ(*wait, row.wait);
    // Just before, just then, and not twice.
    EXPECT_TRUE(bucket.Take(row.rate, now + *wait - 1ns).has_value());
    EXPECT_EQ(bucket.Take(row.rate, now + *wait), std::nullopt);
    EXPECT_TRUE(bucket.Take(row.rate, now + *wait).has_value());
  }
}

TEST(TokenBucket, IsFullAgainAndNotMoreThanThat) {
  const TokenBucket::Rate rate{10, 5};
  TokenBucket bucket;
  MonoTime now{1h};
  EXPECT_TRUE(bucket.IsFull(now));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(bucket.Take(rate, now));
  EXPECT_FALSE(bucket.IsFull(now + 499ms));
  EXPECT_TRUE(bucket.IsFull(now + 500ms));
  now += 24h;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(bucket.Take(rate, now)) << i;
  EXPECT_TRUE(bucket.Take(rate, now));
}

TEST(TokenBucket, WhatIsChargedHasToComeBackFirst) {
  const TokenBucket::Rate rate{10, 5};
  TokenBucket bucket;
  const MonoTime now{1h};
  EXPECT_EQ(bucket.Wait(rate, now), std::nullopt);
  bucket.Charge(rate, 4, now);
  EXPECT_EQ(bucket.Wait(rate, now), std::nullopt);
  bucket.Charge(rate, 3, now);  // Two more than there were.
  EXPECT_EQ(bucket.Wait(rate, now), Duration(300ms));
  EXPECT_EQ(bucket.Wait(rate, now + 300ms), std::nullopt);
  bucket.Charge(rate, 1e9, now);  // No longer than it takes to fill twice.
  EXPECT_EQ(bucket.Wait(rate, now), Duration(600ms));
}

TEST(PeerNetwork, IsAnAddressOfIpv4AndANetworkOfIpv6) {
  struct Row {
    const char* peer;
    const char* network;
  };
  for (const Row& row : {
           Row{"ipv4:192.0.2.1:443", "ipv4:192.0.2.1"},
           Row{"ipv6:%5B2001:db8:1:2:3:4:5:6%5D:443", "ipv6:2001:db8:1:2::/64"},
           Row{"ipv6:[2001:db8:1:2::9]:443", "ipv6:2001:db8:1:2::/64"},
           Row{"ipv6:%5B2001:db8:1:3::9%5D:443", "ipv6:2001:db8:1:3::/64"},
           Row{"ipv6:%5Bfe80::1%25eth0%5D:443", "ipv6:fe80::/64"},
           Row{"ipv6:%5B::ffff:192.0.2.1%5D:443", "ipv4:192.0.2.1"},
           Row{"ipv6:no address:1", "ipv6:no address"},
           Row{"unix:", "unix"},
           Row{"", ""},
       }) {
    EXPECT_EQ(PeerNetworkOf(row.peer), row.network) << row.peer;
  }
}

class CallLimiterTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  CallLimiter limiter_{
      clock_, {.calls = {10, 3}, .unknown_calls = {1, 2}, .streams_max = 2, .callers_max = 4}};
};

TEST(CallLimiter, AUserMakesNoEndOfObjects) {
  ManualClock clock;
  CallLimiter limiter(clock, {.objects = {10.0 / 86'400, 10}});
  EXPECT_TRUE(limiter.CheckObjects("anna").ok());
  limiter.ChargeObjects("anna", 12);  // One request can be over.
  const absl::Status refused = limiter.CheckObjects("anna");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("may make 10 at once"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("limits.objectsPerUser"));
  EXPECT_TRUE(limiter.CheckObjects("berta").ok());
  clock.Advance(3 * 8'640s + 1s);
  EXPECT_TRUE(limiter.CheckObjects("anna").ok());
}

TEST_F(CallLimiterTest, EachUserHasItsOwnAllowance) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter_.TakeCall("anna").ok());
  const absl::Status refused = limiter_.TakeCall("anna");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.message(),
            "too many requests: user \"anna\" may make 10 a second; try again in 100 ms");
  EXPECT_TRUE(limiter_.TakeCall("berta").ok());
  clock_.Advance(100ms);
  EXPECT_TRUE(limiter_.TakeCall("anna").ok());
  EXPECT_FALSE(limiter_.TakeCall("anna").ok());
  EXPECT_EQ(limiter_.TakeRefused("anna"), 2);
  EXPECT_EQ(limiter_.TakeRefused("anna"), 0);
  EXPECT_EQ(limiter_.TakeRefused("nobody"), 0);
}

TEST_F(CallLimiterTest, WhoIsNotKnownIsAnAddressWhateverItsPort) {
  EXPECT_TRUE(limiter_.TakeUnknownCall("ipv4:192.0.2.1:1").ok());
  EXPECT_TRUE(limiter_.TakeUnknownCall("ipv4:192.0.2.1:2").ok());
  EXPECT_THAT(limiter_.TakeUnknownCall("ipv4:192.0.2.1:3").ToString(), HasSubstr("in 1 s"));
  EXPECT_TRUE(limiter_.TakeUnknownCall("ipv4:192.0.2.2:1").ok());
  // A user by the name of an address is another one.
  EXPECT_TRUE(limiter_.TakeCall("ipv4:192.0.2.1").ok());
}

TEST_F(CallLimiterTest, StreamsAreCountedUntilTheyAreGivenBack) {
  EXPECT_TRUE(limiter_.TakeStream("anna").ok());
  EXPECT_TRUE(limiter_.TakeStream("anna").ok());
  const absl::Status refused = limiter_.TakeStream("anna");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.ToString(), HasSubstr("user \"anna\" has 2 watches, logs, execs"));
  EXPECT_TRUE(limiter_.TakeStream("berta").ok());
  limiter_.GiveStream("anna");
  EXPECT_TRUE(limiter_.TakeStream("anna").ok());
}

TEST_F(CallLimiterTest, RemembersABoundedNumberAndThenTakesTheRestAsOne) {
  for (const char* user : {"a", "b", "c", "d"}) EXPECT_TRUE(limiter_.TakeCall(user).ok());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter_.TakeCall(std::to_string(i)).ok());
  EXPECT_FALSE(limiter_.TakeCall("another").ok());
  EXPECT_TRUE(limiter_.TakeCall("a").ok()) << "who is remembered is not held up by the others";
  // A stream that came when there was no place is given back where it was taken.
  EXPECT_TRUE(limiter_.TakeStream("late").ok());
  limiter_.GiveStream("late");
  clock_.Advance(1min);
  EXPECT_TRUE(limiter_.TakeCall("another").ok()) << "those whose allowance is full are forgotten";
}

}  // namespace
}  // namespace muster::coordinator
