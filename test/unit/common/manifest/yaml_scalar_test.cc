#include "common/manifest/yaml_scalar.h"

#include <gtest/gtest.h>

#include <string>

namespace muster::manifest {
namespace {

using Type = PlainScalar::Type;

// kubectl's rules: YAML 1.1 booleans and octals, underscores in numbers, no sexagesimals.
// Spec: pod/2/octal-modes
TEST(YamlScalar, PlainTextsMeanWhatKubectlTakesThemFor) {
  const struct {
    std::string text;
    Type type;
    std::string json;
  } cases[] = {
      {"", Type::kNull, ""},
      {"~", Type::kNull, ""},
      {"null", Type::kNull, ""},
      {"NULL", Type::kNull, ""},
      {"nUll", Type::kString, "nUll"},
      {"true", Type::kBool, "true"},
      {"Yes", Type::kBool, "true"},
      {"on", Type::kBool, "true"},
      {"y", Type::kBool, "true"},
      {"N", Type::kBool, "false"},
      {"OFF", Type::kBool, "false"},
      {"yEs", Type::kString, "yEs"},
      {"0", Type::kInteger, "0"},
      {"-0", Type::kInteger, "0"},
      {"0644", Type::kInteger, "420"},
      {"0o17", Type::kInteger, "15"},
      {"0x1F", Type::kInteger, "31"},
      {"0b101", Type::kInteger, "5"},
      {"-0x10", Type::kInteger, "-16"},
      {"+1", Type::kInteger, "1"},
      {"1_000", Type::kInteger, "1000"},
      {"9223372036854775807", Type::kInteger, "9223372036854775807"},
      {"-9223372036854775808", Type::kInteger, "-9223372036854775808"},
      {"18446744073709551615", Type::kInteger, "18446744073709551615"},
      {"+9223372036854775808", Type::kFloat, "9223372036854775808"},
      {"1e21", Type::kFloat, "1e+21"},
      {"100000000000000000000", Type::kFloat, "100000000000000000000"},
      {"08", Type::kFloat, "8"},
      {"1e3", Type::kFloat, "1000"},
      {".5", Type::kFloat, "0.5"},
      {"-1.50", Type::kFloat, "-1.5"},
      {"1.", Type::kFloat, "1"},
      {"0.0000001", Type::kFloat, "1e-7"},
      {"1e-400", Type::kFloat, "0"},
      {"1e400", Type::kString, "1e400"},
      {".inf", Type::kFloat, ""},
      {".NaN", Type::kFloat, ""},
      {"nan", Type::kString, "nan"},
      {"<<", Type::kMerge, ""},
      {"0x", Type::kString, "0x"},
      {"0b2", Type::kString, "0b2"},
      {"1.2.3", Type::kString, "1.2.3"},
      {"100m", Type::kString, "100m"},
      {"10%", Type::kString, "10%"},
      {"1:30", Type::kString, "1:30"},
      {"2026-01-31", Type::kString, "2026-01-31"},
      {"2026-01-31T09:15:00Z", Type::kString, "2026-01-31T09:15:00Z"},
      {"-", Type::kString, "-"},
      {"...", Type::kString, "..."},
      {"--flag", Type::kString, "--flag"},
  };
  for (const auto& c : cases) {
    const PlainScalar scalar = ResolvePlainScalar(c.text);
    EXPECT_EQ(scalar.type, c.type) << c.text;
    EXPECT_EQ(scalar.json, c.json) << c.text;
  }
}

TEST(YamlScalar, WhateverAnyReaderMayMistakeIsKnown) {
  for (const char* text : {"", "yes", "8080", "0x1", "1.5", ".inf", "~", "=", "<<", "2026-01-31",
                           "2026-1-1 10:00:00", "1:30", "190:20:30.15", "1e400", "1_0"}) {
    EXPECT_TRUE(MayReadAsNonString(text)) << text;
  }
  for (const char* text : {"a", "v1", "1.2.3", "10.0.0.1", "100m", "10%", "http://x", ":80", "a:1",
                           "2026-01", "2026-01-31-x", "yesterday"}) {
    EXPECT_FALSE(MayReadAsNonString(text)) << text;
  }
}

}  // namespace
}  // namespace muster::manifest
