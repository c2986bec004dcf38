#include "common/model/int_or_string.h"

#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace muster::model {
namespace {

// Spec: 5.1/max-unavailable
TEST(IntOrString, PercentagesAreRoundedUpInIntegers) {
  struct Case {
    const char* text;
    int32_t total;
    int32_t scaled;
  };
  for (const Case& c : std::vector<Case>{
           {"30%", 7, 3},
           {"50%", 1, 1},
           {"7%", 100, 7},  // ceil(0.07 * 100) is 8 in floating point.
           {"0%", 100, 0},
           {"1%", 1, 1},
           {"1%", 0, 0},
           {"100%", 7, 7},
           {"150%", 10, 15},
           {"33%", 3, 1},
           {"34%", 3, 2},
           {"2147483647%", std::numeric_limits<int32_t>::max(),
            std::numeric_limits<int32_t>::max()},
       }) {
    absl::StatusOr<int32_t> scaled = ScaledRoundingUp(FromString(c.text), c.total);
    ASSERT_TRUE(scaled.ok()) << c.text;
    EXPECT_EQ(*scaled, c.scaled) << c.text << " of " << c.total;
  }
}

TEST(IntOrString, NumbersAreTakenAsTheyAre) {
  EXPECT_EQ(*ScaledRoundingUp(FromInt(5), 3), 5);
  EXPECT_EQ(*ScaledRoundingUp(FromInt(0), 3), 0);
}

TEST(IntOrString, OtherTextsAreNoPercentages) {
  for (const char* text : {"", "%", "3", "a%", "-1%", "+1%", "1.5%", "1 %", "99999999999%"}) {
    EXPECT_EQ(PercentOf(FromString(text)), std::nullopt) << text;
    EXPECT_FALSE(ScaledRoundingUp(FromString(text), 10).ok()) << text;
  }
  EXPECT_EQ(PercentOf(FromInt(5)), std::nullopt);
  EXPECT_EQ(PercentOf(FromString("010%")), 10);
}

TEST(IntOrString, TextIsTheValueItself) {
  EXPECT_EQ(ToText(FromInt(-3)), "-3");
  EXPECT_EQ(ToText(FromString("http")), "http");
}

}  // namespace
}  // namespace muster::model
