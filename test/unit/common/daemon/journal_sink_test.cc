#include "common/daemon/journal_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/daemon/log_fields.h"

namespace muster {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class JournalSinkTest : public ::testing::Test {
 protected:
  JournalSinkTest()
      : logger_("", std::make_shared<JournalSink>(
                        "muster-agent",
                        [this](const std::vector<std::string>& entry) {
                          if (takes_) entries_.push_back(entry);
                          return takes_;
                        },
                        std::make_shared<spdlog::sinks::ostream_sink_st>(stderr_))) {}

  bool takes_ = true;
  std::vector<std::vector<std::string>> entries_;
  std::ostringstream stderr_;
  spdlog::logger logger_;
};

TEST_F(JournalSinkTest, AnEntryHasItsTextPriorityAndFields) {
  logger_.info("outside");
  {
    const LogFields about({{kLogPod, "default/web-1"}, {kLogDaemonSet, "default/web"}});
    logger_.warn("two\nlines");
  }
  logger_.error("again");
  EXPECT_THAT(
      entries_,
      ElementsAre(ElementsAre("MESSAGE=outside", "PRIORITY=6", "SYSLOG_IDENTIFIER=muster-agent"),
                  ElementsAre("MESSAGE=two\nlines", "PRIORITY=4", "SYSLOG_IDENTIFIER=muster-agent",
                              "MUSTER_POD=default/web-1", "MUSTER_DAEMONSET=default/web"),
                  ElementsAre("MESSAGE=again", "PRIORITY=3", "SYSLOG_IDENTIFIER=muster-agent")));
  EXPECT_EQ(stderr_.str(), "");
}

TEST_F(JournalSinkTest, WhatTheJournalDoesNotTakeGoesToStandardError) {
  takes_ = false;
  const LogFields about(kLogPod, "default/web-1");
  logger_.warn("two\nlines");
  EXPECT_EQ(stderr_.str(), "<4>two\n<4>lines\n");
}

TEST(LogFields, InnerOnesAddAndWin) {
  const LogFields outer({{kLogNode, "node-1"}, {kLogPod, "default/a"}});
  {
    const LogFields inner(kLogPod, "default/b");
    EXPECT_THAT(LogFields::Current(), ElementsAre(Pair(std::string(kLogPod), "default/b"),
                                                  Pair(std::string(kLogNode), "node-1")));
  }
  EXPECT_THAT(LogFields::Current(), ElementsAre(Pair(std::string(kLogNode), "node-1"),
                                                Pair(std::string(kLogPod), "default/a")));
}

TEST(LogFields, AnEmptyOneIsLeftOut) {
  const LogFields about({{kLogPod, "default/a"}, {kLogDaemonSet, ""}});
  EXPECT_THAT(LogFields::Current(), ElementsAre(Pair(std::string(kLogPod), "default/a")));
}

TEST(LogFields, ThoseOfAThreadAreItsOwn) {
  const LogFields about(kLogPod, "default/a");
  size_t elsewhere = 99;
  std::thread([&] { elsewhere = LogFields::Current().size(); }).join();
  EXPECT_EQ(elsewhere, 0U);
}

}  // namespace
}  // namespace muster
