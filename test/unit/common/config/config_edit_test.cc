#include "common/config/config_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster {
namespace {

using ::testing::HasSubstr;
using Settings = std::vector<std::pair<std::string, std::string>>;

const Settings kSettings = {{"coordinator", "10.0.0.1:7440"}, {"nodeName", "n1"}};

TEST(SetConfigKeys, FillsAnEmptyFile) {
  for (const char* text : {"", "\n"}) {
    EXPECT_EQ(SetConfigKeys("", "x.yaml", kSettings).value(),
              "coordinator: \"10.0.0.1:7440\"\nnodeName: \"n1\"\n")
        << text;
  }
}

TEST(SetConfigKeys, ReplacesInPlaceAndKeepsTheRest) {
  EXPECT_EQ(SetConfigKeys(R"(# Our agent.
log: {level: debug}   # loud
nodeName: old # to be replaced
labels:
  coordinator: "not this one"
  tier: web
coordinator:
runtime: /run/x.sock)",
                          "x.yaml", kSettings)
                .value(),
            R"(# Our agent.
log: {level: debug}   # loud
nodeName: "n1"
labels:
  coordinator: "not this one"
  tier: web
coordinator: "10.0.0.1:7440"
runtime: /run/x.sock
)");
}

TEST(SetConfigKeys, TwiceIsAsOnce) {
  const std::string once = SetConfigKeys("# c\nx: [1, 2]\n", "x.yaml", kSettings).value();
  EXPECT_EQ(SetConfigKeys(once, "x.yaml", kSettings).value(), once);
}

TEST(SetConfigKeys, AValueOfAnyCharactersComesBack) {
  const std::string value = "a\"b\\c: #d\n";
  const std::string text = SetConfigKeys("", "x.yaml", {{"k", value}}).value();
  EXPECT_EQ(SetConfigKeys(text, "x.yaml", {{"k", value}}).value(), text);
  EXPECT_EQ(text, "k: \"a\\\"b\\\\c: #d\\n\"\n");
}

TEST(SetConfigKeys, WhatCannotBeReplacedIsLeftToTheUser) {
  for (const char* text :
       {"nodeName: [a]\n", "nodeName: {a: b}\n", "nodeName: >\n  folded\n  text\n",
        "nodeName: goes\n  on here\n", "nodeName:\n  below\n", "{nodeName: a}\n",
        "nodeName: &anchor a\nother: *anchor\n"}) {
    const auto refused = SetConfigKeys(text, "x.yaml", kSettings);
    EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << text << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("x.yaml"));
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("by hand"));
  }
}

TEST(SetConfigKeys, WhatIsNotYamlIsRefusedWithItsLine) {
  const auto refused = SetConfigKeys("a: 1\nb: [\n", "x.yaml", kSettings);
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("x.yaml:3"));
}

}  // namespace
}  // namespace muster
