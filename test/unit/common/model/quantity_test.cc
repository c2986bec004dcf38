#include "common/model/quantity.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace muster::model {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

Quantity Make(std::string_view text) {
  absl::StatusOr<Quantity> parsed = Quantity::Parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.value_or(Quantity());
}

// Kubernetes rule: the largest suffix without fraction, in the family of the input.
// Spec: 9.4/suffixes, 9.4/canonical, 9.4/rounding
// Spec: pod/2/quantities
TEST(Quantity, CanonicalText) {
  const struct {
    std::string text;
    std::string canonical;
  } cases[] = {
      {"0", "0"},
      {"-0", "0"},
      {"0Ki", "0"},
      {"0.5", "500m"},
      {"1000m", "1"},
      {"1500m", "1500m"},
      {"100m", "100m"},
      {"1", "1"},
      {"+1", "1"},
      {"-1", "-1"},
      {"010", "10"},
      {"1000", "1k"},
      {"1500", "1500"},
      {"1000000", "1M"},
      {"1e3", "1e3"},
      {"1E3", "1e3"},
      {"1e4", "10e3"},
      {"12e2", "1200"},
      {"5e-1", "500e-3"},
      {"1e+6", "1e6"},
      {"1E", "1E"},
      {"1k", "1k"},
      {"1.5k", "1500"},
      {"0.001M", "1k"},
      {"1Ki", "1Ki"},
      {"1.5Gi", "1536Mi"},
      {"1024Mi", "1Gi"},
      {"1023Ki", "1023Ki"},
      {"1048576Ki", "1Gi"},
      {"0.5Ki", "512"},
      {"0.1Ki", "102400m"},
      {"1.0001Ki", "1024103m"},
      {"-1.0001Ki", "-1024103m"},
      {"1025Ki", "1025Ki"},
      {"-2Ki", "-2Ki"},
      {".5", "500m"},
      {"1.", "1"},
      {".", "0"},
      {" 64Mi ", "64Mi"},
      {"123456789", "123456789"},
      {"100u", "1m"},
      {"1n", "1m"},
      {"1000000n", "1m"},
      {"1000001n", "2m"},
  };
  for (const auto& c : cases) EXPECT_EQ(Make(c.text).ToString(), c.canonical) << c.text;
}

// Spec: 9.4/rounding
// Spec: pod/2/quantities
TEST(Quantity, FinerThanAThousandthRoundsAwayFromZero) {
  EXPECT_EQ(Make("0.1m").MilliValue(), 1);
  EXPECT_EQ(Make("-0.1m").MilliValue(), -1);
  EXPECT_EQ(Make("1.0001").MilliValue(), 1001);
  EXPECT_EQ(Make("1.0000").MilliValue(), 1000);
  // The last digit is far beyond what any machine number holds.
  EXPECT_EQ(Make("0.000000000000000000000000000000000000000000000000000001").MilliValue(), 1);
  EXPECT_EQ(Make("0.0000000000000000000000000000000000000000000000000000001Ei").MilliValue(), 1);
  EXPECT_EQ(Make("0.1250000000000000000000000000000000000000000Ki").MilliValue(), 128000);
  EXPECT_EQ(Make("0.1250000000000000000000000000000000000000001Ki").MilliValue(), 128001);
}

// Spec: 9.4/rounding
TEST(Quantity, BeyondInt64IsCapped) {
  EXPECT_EQ(Make("9223372036854775807").Value(), kMax);
  EXPECT_EQ(Make("9223372036854775808").Value(), kMax);
  EXPECT_EQ(Make("8Ei").Value(), kMax);
  EXPECT_EQ(Make("10E").Value(), kMax);
  EXPECT_EQ(Make("1e100").Value(), kMax);
  EXPECT_EQ(Make("-1e100").Value(), -kMax);
  EXPECT_EQ(Make("1e-100").MilliValue(), 1);
  EXPECT_EQ(Make("0e100").Value(), 0);
  EXPECT_EQ(Make("7Ei").Value(), int64_t{7} << 60);
  EXPECT_EQ(Make("9E").MilliValue(), kMax) << "thousandths do not fit, units do";
  EXPECT_EQ(Make("9E").Value(), 9'000'000'000'000'000'000);
}

TEST(Quantity, WholeUnitsRoundUp) {
  EXPECT_EQ(Make("100m").Value(), 1);
  EXPECT_EQ(Make("1001m").Value(), 2);
  EXPECT_EQ(Make("-1001m").Value(), -2);
  EXPECT_EQ(Make("2000m").Value(), 2);
  EXPECT_TRUE(Make("2000m").IsInteger());
  EXPECT_FALSE(Make("2001m").IsInteger());
}

// Spec: 9.4/malformed
TEST(Quantity, MalformedTextIsRefusedInKubernetesWords) {
  for (const char* text :
       {"", " ", "MB", "1 Gi", "1.5.2", "abc", "1Gi ish", "0x10", "1_000", "1,5", "\xff"}) {
    const absl::Status status = Quantity::Parse(text).status();
    EXPECT_EQ(status.message(),
              "quantities must match the regular expression "
              "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
        << '"' << text << '"';
  }
  for (const char* text :
       {"1K", "1mi", "1e", "1ki", "1kk", "1iK", "1e99999999999999999999", "1Ki5", "1m-3", "--1"}) {
    EXPECT_EQ(Quantity::Parse(text).status().message(), "unable to parse quantity's suffix")
        << '"' << text << '"';
  }
}

TEST(Quantity, ASuffixNeedsANumber) {
  for (const char* text : {"Ki", "-", "+", "-m", "e3"}) {
    EXPECT_EQ(Quantity::Parse(text).status().message(), "unable to parse numeric part of quantity")
        << '"' << text << '"';
  }
}

TEST(Quantity, EqualAmountsAreEqualInAnyFamily) {
  EXPECT_EQ(Make("1000m"), Make("1"));
  EXPECT_EQ(Make("1024"), Make("1Ki"));
  EXPECT_EQ(Make("1e3"), Make("1k"));
  EXPECT_LT(Make("1M"), Make("1Mi"));
  EXPECT_GT(Make("1"), Make("-1"));
}

TEST(Quantity, SumsAreExactAndKeepTheFamily) {
  EXPECT_EQ((Make("0.1") + Make("0.2")).ToString(), "300m");
  EXPECT_EQ((Make("512Mi") + Make("512Mi")).ToString(), "1Gi");
  EXPECT_EQ((Quantity() + Make("1Gi")).ToString(), "1Gi");
  EXPECT_EQ((Make("1Gi") - Make("1Gi")).sign(), 0);
  EXPECT_EQ((Make("1") - Make("1500m")).ToString(), "-500m");
  EXPECT_EQ((Make("9E") + Make("9E") - Make("9E")).Value(), 9'000'000'000'000'000'000);
  EXPECT_EQ((Make("9E") + Make("9E")).Value(), kMax);
}

TEST(Quantity, MadeFromNumbers) {
  EXPECT_EQ(Quantity::FromMilli(250).ToString(), "250m");
  EXPECT_EQ(Quantity::FromUnits(1048576, Quantity::Family::kBinary).ToString(), "1Mi");
  EXPECT_EQ(Quantity::FromUnits(kMax).Value(), kMax);
}

TEST(Quantity, CanonicalTextMeansTheSameAmount) {
  for (const char* text : {"1.5Gi", "0.1Ki", "12e2", "5e-1", "1n", "8Ei", "1e100", "-3.25k",
                           "1.0001Ki", "123456789123"}) {
    const Quantity once = Make(Make(text).ToString());
    EXPECT_EQ(once.ToString(), Make(text).ToString()) << text;
  }
}

}  // namespace
}  // namespace muster::model
