#include "coordinator/table/age.h"

#include <chrono>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using namespace std::chrono_literals;

constexpr auto kYear = days(365);

// Spec: 12.8/future, 12.8/now, 12.8/seconds, 12.8/minutes-seconds, 12.8/minutes
// Spec: 12.8/hours-minutes, 12.8/hours, 12.8/days-hours, 12.8/days, 12.8/years-days
TEST(HumanAge, SaysWhatKubectlSays) {
  struct Case {
    Duration elapsed;
    std::string text;
  };
  for (const Case& c : std::vector<Case>{
           {-1h, "<invalid>"},
           {-2s, "<invalid>"},
           {-1999ms, "0s"},
           {-1s, "0s"},
           {-1ms, "0s"},
           {0s, "0s"},
           {999ms, "0s"},
           {1s, "1s"},
           {119s, "119s"},
           {119s + 999ms, "119s"},
           {2min, "2m"},
           {2min + 1s, "2m1s"},
           {9min + 59s, "9m59s"},
           {10min, "10m"},
           {10min + 59s, "10m"},
           {179min + 59s, "179m"},
           {3h, "3h"},
           {3h + 59s, "3h"},
           {3h + 1min, "3h1m"},
           {7h + 59min, "7h59m"},
           {8h, "8h"},
           {8h + 59min, "8h"},
           {47h + 59min, "47h"},
           {48h, "2d"},
           {48h + 59min, "2d"},
           {49h, "2d1h"},
           {days(7) + 23h, "7d23h"},
           {days(8), "8d"},
           {days(8) + 23h, "8d"},
           {2 * kYear - 1s, "729d"},
           {2 * kYear, "2y"},
           {2 * kYear + 23h, "2y"},
           {2 * kYear + days(10), "2y10d"},
           {8 * kYear - 1s, "7y364d"},
           {8 * kYear, "8y"},
           {9 * kYear - 1s, "8y"},
           {9 * kYear, "9y"},
       }) {
    EXPECT_EQ(HumanAge(c.elapsed), c.text) << c.elapsed.count() << " ns";
  }
}

// Spec: 12.8/unset
TEST(AgeOf, CountsFromATimeToNow) {
  const WallTime now{seconds(1'700'000'000)};
  v1::Time time;
  EXPECT_EQ(AgeOf(time, now), "<unknown>");
  time.set_seconds(1'700'000'000 - 300);
  EXPECT_EQ(AgeOf(time, now), "5m");
  v1::MicroTime micro;
  EXPECT_EQ(AgeOf(micro, now), "<unknown>");
  micro.set_seconds(1'700'000'000 - 61);
  micro.set_nanos(500'000'000);
  EXPECT_EQ(AgeOf(micro, now), "60s");
}

TEST(FullTime, IsRfc1123InUtc) {
  v1::Time time;
  EXPECT_EQ(FullTime(time), "<unknown>");
  time.set_seconds(1'700'000'000);
  EXPECT_EQ(FullTime(time), "Tue, 14 Nov 2023 22:13:20 +0000");
}

}  // namespace
}  // namespace muster::coordinator
