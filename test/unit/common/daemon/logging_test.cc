#include "common/daemon/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>

namespace muster {
namespace {

using ::testing::MatchesRegex;

class LoggingTest : public ::testing::Test {
 protected:
  void SetUp() override { before_ = spdlog::default_logger(); }
  void TearDown() override {
    spdlog::set_default_logger(before_);
    ::unsetenv("JOURNAL_STREAM");
  }
  absl::Status SetUpTo(std::string_view level, LogForm form) {
    return SetUpLogging(level, form, std::make_shared<spdlog::sinks::ostream_sink_st>(out_));
  }
  std::string Written() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream out_;
};

TEST_F(LoggingTest, TheJournalGetsThePriorityOnEachLine) {
  ASSERT_TRUE(SetUpTo("debug", LogForm::kJournal).ok());
  spdlog::debug("d {}", 1);
  spdlog::info("i");
  spdlog::warn("two\nlines");
  spdlog::error("e");
  spdlog::critical("c");
  EXPECT_EQ(Written(), "<7>d 1\n<6>i\n<4>two\n<4>lines\n<3>e\n<2>c\n");
}

TEST_F(LoggingTest, OthersGetTheTimeInUtc) {
  ASSERT_TRUE(SetUpTo("info", LogForm::kTimeStamped).ok());
  spdlog::warn("text");
  EXPECT_THAT(Written(), MatchesRegex("20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
                                      "\\.[0-9]{3}Z warning text\n"));
}

TEST_F(LoggingTest, WhatIsBelowTheLevelIsNotWritten) {
  ASSERT_TRUE(SetUpTo("warning", LogForm::kJournal).ok());
  spdlog::info("no");
  spdlog::warn("yes");
  EXPECT_EQ(Written(), "<4>yes\n");
  ASSERT_TRUE(SetUpTo("error", LogForm::kJournal).ok());
  spdlog::warn("no");
  EXPECT_EQ(Written(), "");
}

TEST_F(LoggingTest, TheLevelCanBeChangedWhileItRuns) {
  ASSERT_TRUE(SetUpTo("info", LogForm::kJournal).ok());
  spdlog::debug("no");
  ASSERT_TRUE(SetLogLevel("debug").ok());
  spdlog::debug("yes");
  EXPECT_TRUE(absl::IsInvalidArgument(SetLogLevel("loud")));
  spdlog::debug("still");
  EXPECT_EQ(Written(), "<7>yes\n<7>still\n");
}

TEST_F(LoggingTest, AnUnknownLevelIsRefusedAndChangesNothing) {
  ASSERT_TRUE(SetUpTo("info", LogForm::kJournal).ok());
  for (const char* level : {"", "loud", "INFO", "warn"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(SetUpTo(level, LogForm::kJournal))) << level;
  }
  spdlog::info("still");
  EXPECT_EQ(Written(), "<6>still\n");
}

TEST_F(LoggingTest, TheJournalIsKnownByItsStream) {
  struct stat info;
  ASSERT_EQ(::fstat(STDERR_FILENO, &info), 0);
  EXPECT_EQ(DetectLogForm(), LogForm::kTimeStamped);
  const std::string ours = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  ::setenv("JOURNAL_STREAM", ours.c_str(), 1);
  EXPECT_EQ(DetectLogForm(), LogForm::kJournal);
  ::setenv("JOURNAL_STREAM", (ours + "1").c_str(), 1);
  EXPECT_EQ(DetectLogForm(), LogForm::kTimeStamped);
}

}  // namespace
}  // namespace muster
