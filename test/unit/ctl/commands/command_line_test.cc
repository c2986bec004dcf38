#include "ctl/commands/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "ctl/commands/all.h"

namespace muster::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() { AddAllCommands(line_); }
  // What Parse exits with; -1 when it found an action to run.
  int Parse(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    const auto parsed = line_.Parse(std::move(arguments), out_, err_);
    const int* exit_code = std::get_if<int>(&parsed);
    return exit_code == nullptr ? -1 : *exit_code;
  }

  CommandLine line_;
  std::ostringstream out_, err_;
};

TEST_F(CommandLineTest, WhatNobodyKnowsIsAUsageErrorThatSaysWhat) {
  EXPECT_EQ(Parse({"get", "pods", "--colour"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--colour"));
  EXPECT_THAT(err_.str(), HasSubstr("See 'musterctl --help'."));
  EXPECT_EQ(Parse({}), kExitUsage);
  EXPECT_EQ(Parse({"fly"}), kExitUsage);
  EXPECT_EQ(Parse({"rollout"}), kExitUsage);
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(CommandLineTest, ValuesOfFlagsAreChecked) {
  EXPECT_EQ(Parse({"version", "-o", "xml"}), kExitUsage);
  EXPECT_EQ(Parse({"delete", "pod", "x", "--cascade=sometimes"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("background, foreground or orphan, found \"sometimes\""));
  EXPECT_EQ(Parse({"delete", "pod", "x", "--timeout=soon"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("duration such as 30s or 5m, found \"soon\""));
  EXPECT_EQ(Parse({"apply", "-f", "x", "--dry-run=maybe"}), kExitUsage);
  EXPECT_EQ(Parse({"rollout", "status", "ds/x", "--timeout=10m"}), -1);
}

TEST_F(CommandLineTest, HelpGoesToStandardOutput) {
  EXPECT_EQ(Parse({"--help"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("rollout"));
  EXPECT_EQ(Parse({"rollout", "status", "--help"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("--timeout"));
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(CommandLineTest, FlagsOfAllCommandsStandAnywhere) {
  EXPECT_EQ(Parse({"-n", "shop", "get", "pods", "--server=unix:/s"}), -1);
  EXPECT_EQ(line_.ns(), "shop");
  EXPECT_TRUE(line_.namespace_given());
  EXPECT_EQ(line_.server(), "unix:/s");
}

TEST_F(CommandLineTest, ShortOptionsTakeTheirValueAfterAnEqualsSignToo) {
  EXPECT_EQ(Parse({"get", "pods", "-n=shop", "-o=json", "-l=app=web"}), -1);
  EXPECT_EQ(line_.ns(), "shop");
  // What follows -- belongs to somebody else.
  EXPECT_EQ(Parse({"exec", "pod", "--", "tool", "-n=1"}), -1);
  EXPECT_EQ(line_.ns(), "shop");
}

TEST_F(CommandLineTest, TheCauseOfAChangeIsTheCommandWithItsFlags) {
  EXPECT_EQ(Parse({"-s", "unix:/s", "apply", "--record", "-f", "demo.yml"}), -1);
  EXPECT_EQ(line_.ChangeCause(), "musterctl apply --filename=demo.yml --record=true");
}

TEST_F(CommandLineTest, AGroupAskedForAgainIsTheSame) {
  EXPECT_EQ(&line_.Group("rollout", ""), &line_.Group("rollout", "other words"));
}

}  // namespace
}  // namespace muster::ctl
