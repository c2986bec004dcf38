#include "agent/workload/duration_text.h"

#include <gtest/gtest.h>

namespace muster::agent {
namespace {

// Spec: pod/4.5/back-off
TEST(DurationText, IsWhatGoPrints) {
  using std::chrono::milliseconds;
  const std::pair<int64_t, const char*> cases[] = {
      {0, "0s"},          {812, "812ms"},    {1000, "1s"},          {1234, "1.234s"},
      {1230, "1.23s"},    {10'000, "10s"},   {60'000, "1m0s"},      {80'000, "1m20s"},
      {160'000, "2m40s"}, {300'000, "5m0s"}, {3'600'000, "1h0m0s"}, {3'661'000, "1h1m1s"}};
  for (const auto& [millis, text] : cases) EXPECT_EQ(DurationText(milliseconds(millis)), text);
}

}  // namespace
}  // namespace muster::agent
