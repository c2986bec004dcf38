#include "common/model/time_text.h"

#include <gtest/gtest.h>

#include <string>

namespace muster::model {
namespace {

TEST(TimeText, IsReadInAnyOffsetAndWrittenInUtc) {
  const struct {
    std::string text;
    std::string seconds_form;
    std::string micros_form;
  } cases[] = {
      {"2026-01-31T09:15:00Z", "2026-01-31T09:15:00Z", "2026-01-31T09:15:00.000000Z"},
      {"2026-01-31T09:15:00+02:00", "2026-01-31T07:15:00Z", "2026-01-31T07:15:00.000000Z"},
      {"2026-01-31T09:15:00-00:30", "2026-01-31T09:45:00Z", "2026-01-31T09:45:00.000000Z"},
      {"2026-01-31T09:15:00.5Z", "2026-01-31T09:15:00Z", "2026-01-31T09:15:00.500000Z"},
      {"2026-01-31T09:15:00.123456789Z", "2026-01-31T09:15:00Z", "2026-01-31T09:15:00.123456Z"},
      {"1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.900000Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
      {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<v1::Time> time = ParseTime(c.text);
    ASSERT_TRUE(time.ok()) << time.status();
    EXPECT_EQ(FormatTime(*time), c.seconds_form);
    const absl::StatusOr<v1::MicroTime> micro = ParseMicroTime(c.text);
    ASSERT_TRUE(micro.ok()) << micro.status();
    EXPECT_EQ(FormatMicroTime(*micro), c.micros_form);
  }
}

TEST(TimeText, EverythingElseIsRefused) {
  for (const char* text :
       {"", "now", "2026-01-31", "2026-01-31T09:15:00", "2026-01-31 09:15:00Z",
        "2026-1-31T09:15:00Z", "2026-02-30T09:15:00Z", "2026-01-31T24:15:00Z",
        "2026-01-31T09:60:00Z", "2026-01-31T09:15:60Z", "2026-01-31T09:15:00.Z",
        "2026-01-31T09:15:00.1234567891Z", "2026-01-31T09:15:00+0200", "2026-01-31T09:15:00z",
        " 2026-01-31T09:15:00Z", "2026-01-31T09:15:00Z ", "0000-12-31T23:59:59Z", "infinite-future",
        "9999-12-31T23:59:59-01:00"}) {
    EXPECT_EQ(ParseTime(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_FALSE(ParseMicroTime(text).ok()) << text;
  }
}

TEST(TimeText, NanosAreNeverNegative) {
  const absl::Time moment = absl::UnixEpoch() - absl::Microseconds(1);
  const v1::MicroTime micro = ToMicroTime(moment);
  EXPECT_EQ(micro.seconds(), -1);
  EXPECT_EQ(micro.nanos(), 999'999'000);
  EXPECT_EQ(ToAbslTime(micro), moment);
  EXPECT_EQ(ToTime(moment).nanos(), 0) << "Kubernetes stores whole seconds";
}

TEST(TimeText, MomentsOutsideFourDigitYearsStillPrint) {
  v1::Time time;
  time.set_seconds(INT64_MAX);
  EXPECT_EQ(FormatTime(time), "9999-12-31T23:59:59Z");
  time.set_seconds(INT64_MIN);
  EXPECT_EQ(FormatTime(time), "0001-01-01T00:00:00Z");
}

}  // namespace
}  // namespace muster::model
