#include "common/protolog/protobuf_log.h"

#include <chrono>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "muster/v1/meta.pb.h"

namespace muster {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string>& Lines() {
  static std::vector<std::string> lines;
  return lines;
}

TEST(LineLimiter, AFewLinesASecondAndHowManyMoreThereWere) {
  LineLimiter limiter(2);
  MonoTime now = MonoTime() + 1h;
  EXPECT_EQ(limiter.Take(now), 0);
  EXPECT_EQ(limiter.Take(now + 999ms), 0);
  EXPECT_EQ(limiter.Take(now + 999ms), std::nullopt);
  EXPECT_EQ(limiter.Take(now + 999ms), std::nullopt);
  EXPECT_EQ(limiter.Take(now + 1s), 2);
  EXPECT_EQ(limiter.Take(now + 1s), 0);
  EXPECT_EQ(limiter.Take(now + 1s), std::nullopt);
}

TEST(ProtobufLog, WhatCannotBeReadFillsNoJournal) {
  TakeProtobufLog([](bool fatal, const std::string& line) {
    EXPECT_FALSE(fatal);
    Lines().push_back(line);
  });
  ::testing::internal::CaptureStderr();
  // Field 1 (name) with what is no UTF-8.
  const std::string bad("\x0a\x02\xff\xfe", 4);
  for (int i = 0; i < 10'000; ++i) {
    v1::ObjectMeta meta;
    EXPECT_FALSE(meta.ParseFromString(bad));
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), IsEmpty());
  ASSERT_FALSE(Lines().empty());
  EXPECT_THAT(Lines().front(), HasSubstr("invalid UTF-8"));
  // A few for each second that it took.
  EXPECT_LT(Lines().size(), 200u);
}

}  // namespace
}  // namespace muster
