#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "agent/settings/doctor_line.h"
#include "agent/settings/reset_line.h"
#include "agent/settings/wait_line.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

WaitLine Wait(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "wait-ready");
  return ParseWaitLine(static_cast<int>(arguments.size()), arguments.data());
}

TEST(WaitLine, WithoutFlagsItWaitsWithoutEnd) {
  const WaitLine line = Wait({});
  EXPECT_FALSE(line.print_and_exit);
  EXPECT_EQ(line.timeout, std::nullopt);
  EXPECT_EQ(line.run_dir, Settings().run_dir);
}

TEST(WaitLine, TimeoutsAreDurations) {
  EXPECT_EQ(Wait({"--timeout", "90s"}).timeout, milliseconds(90'000));
  EXPECT_EQ(Wait({"--timeout", "1m30s"}).timeout, milliseconds(90'000));
  EXPECT_EQ(Wait({"--timeout", "0"}).timeout, std::nullopt);
  for (const char* wrong : {"soon", "-3s", "5"}) {
    const WaitLine line = Wait({"--timeout", wrong});
    EXPECT_TRUE(line.print_and_exit) << wrong;
    EXPECT_EQ(line.exit_code, 64) << wrong;
    EXPECT_THAT(line.text, HasSubstr(wrong));
  }
}

TEST(WaitLine, HelpIsItsOwn) {
  const WaitLine line = Wait({"--help"});
  EXPECT_TRUE(line.print_and_exit);
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_THAT(line.text, HasSubstr("Usage: muster-agent wait-ready"));
}

TEST(DoctorLine, TakesTheSettingsFileAndNothingElse) {
  const std::vector<const char*> with = {"doctor", "--config", "/tmp/a.yaml"};
  EXPECT_EQ(ParseDoctorLine(3, with.data()).config_path, "/tmp/a.yaml");
  EXPECT_EQ(ParseDoctorLine(1, with.data()).config_path, kDefaultSettingsFile);
  const std::vector<const char*> wrong = {"doctor", "--cure"};
  EXPECT_EQ(ParseDoctorLine(2, wrong.data()).exit_code, 64);
  const std::vector<const char*> help = {"doctor", "--help"};
  EXPECT_THAT(ParseDoctorLine(2, help.data()).text, HasSubstr("Usage: muster-agent doctor"));
}

TEST(ResetLine, TakesBackNothingUnlessToldSo) {
  const std::vector<const char*> bare = {"reset"};
  const ResetLine line = ParseResetLine(1, bare.data());
  EXPECT_FALSE(line.print_and_exit);
  EXPECT_FALSE(line.yes || line.stop || line.all || line.without_runtime);
  const std::vector<const char*> all = {"reset", "-y", "--stop", "--timeout", "90s", "--all"};
  const ResetLine told = ParseResetLine(6, all.data());
  EXPECT_TRUE(told.yes && told.stop && told.all);
  EXPECT_EQ(told.timeout, std::chrono::seconds(90));
  const std::vector<const char*> wrong = {"reset", "--timeout", "soon"};
  EXPECT_EQ(ParseResetLine(3, wrong.data()).exit_code, 64);
  const std::vector<const char*> help = {"reset", "--help"};
  EXPECT_THAT(ParseResetLine(2, help.data()).text, HasSubstr("Usage: muster-agent reset"));
}

}  // namespace
}  // namespace muster::agent
