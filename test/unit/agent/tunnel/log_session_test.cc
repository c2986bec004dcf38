#include "agent/tunnel/log_session.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/tunnel/log_line.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"
#include "test/unit/agent/tunnel/recording_peer.h"

namespace muster::agent {
namespace {

std::string Line(const std::string& text, const std::string& time = "2026-01-02T03:04:05Z") {
  return absl::StrCat(time, " stdout F ", text, "\n");
}

class LogSessionTest : public ::testing::Test {
 protected:
  LogSessionTest() { std::filesystem::create_directories(directory_); }
  ~LogSessionTest() override {
    running_ = false;
    peer_.Cancel();
    if (follower_.joinable()) follower_.join();
  }

  void Append(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }
  std::string Show(const LogQuery& query) {
    const absl::Status status = SendLog(
        path_, query, [] { return false; }, peer_);
    EXPECT_TRUE(status.ok()) << status;
    return peer_.out();
  }
  void Follow(LogQuery query) {
    query.follow = true;
    follower_ = std::thread([this, query] {
      status_ = SendLog(
          path_, query, [this] { return running_.load(); }, peer_);
    });
  }
  // The container ends, as the runtime shows it: its last words, and the file is closed.
  void EndWith(const std::string& text) {
    {
      std::ofstream file(path_, std::ios::app);
      file << text;
      file.flush();
      running_ = false;
    }
    follower_.join();
    EXPECT_TRUE(status_.ok()) << status_;
  }

  TempDir root_;
  const std::string directory_ = root_ / "ns_pod_uid/main";
  const std::string path_ = directory_ + "/0.log";
  RecordingPeer peer_;
  std::atomic<bool> running_ = true;
  std::thread follower_;
  absl::Status status_;
};

TEST_F(LogSessionTest, ShowsTheTextOfAllLines) {
  Append(Line("one") + Line("two"));
  EXPECT_EQ(Show({}), "one\ntwo\n");
}

TEST_F(LogSessionTest, TailShowsTheLastLines) {
  Append(Line("one") + Line("two") + Line("three"));
  EXPECT_EQ(Show({.tail_lines = 2}), "two\nthree\n");
}

TEST_F(LogSessionTest, WithoutFollowNothingIsShownThatWasWrittenSinceItWasAskedFor) {
  Append(Line("one") + Line("two"));
  peer_.BlockAfter(1);
  follower_ = std::thread([this] {
    status_ = SendLog(
        path_, {.tail_lines = 2}, [] { return true; }, peer_);
  });
  ASSERT_TRUE(peer_.AwaitOut(1));
  Append(Line("three"));
  peer_.Unblock();
  follower_.join();
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(peer_.out(), "one\ntwo\n");
}

TEST_F(LogSessionTest, TailOfZeroShowsNothing) {
  Append(Line("one"));
  EXPECT_EQ(Show({.tail_lines = 0}), "");
}

TEST_F(LogSessionTest, SinceLeavesOutOlderLines) {
  Append(Line("old", "2026-01-02T03:04:05Z") + Line("new", "2026-01-02T03:04:06Z"));
  EXPECT_EQ(Show({.since = *ParseLogTime("2026-01-02T03:04:06Z")}), "new\n");
}

TEST_F(LogSessionTest, TailIsTakenBeforeSince) {
  Append(Line("1", "2026-01-02T03:04:06Z") + Line("2", "2026-01-02T03:04:05Z") +
         Line("3", "2026-01-02T03:04:06Z"));
  EXPECT_EQ(Show({.tail_lines = 2, .since = *ParseLogTime("2026-01-02T03:04:06Z")}), "3\n");
}

TEST_F(LogSessionTest, LimitCutsTheOutputToTheByte) {
  Append(Line("one") + Line("two"));
  EXPECT_EQ(Show({.bytes_max = 5}), "one\nt");
}

TEST_F(LogSessionTest, LimitOfZeroShowsNothing) {
  Append(Line("one"));
  EXPECT_EQ(Show({.bytes_max = 0}), "");
}

TEST_F(LogSessionTest, TimestampsAreShownOnRequest) {
  Append(Line("one"));
  EXPECT_EQ(Show({.timestamps = true}), "2026-01-02T03:04:05.000000000Z one\n");
}

TEST_F(LogSessionTest, LinesLongerThanABlockAreWhole) {
  std::string expected;
  for (int i = 0; i < 40; ++i) {
    const std::string text(i * 997, static_cast<char>('a' + i % 26));
    Append(Line(text));
    expected += text + "\n";
  }
  EXPECT_EQ(Show({}), expected);
}

TEST_F(LogSessionTest, WhatIsNotALogLineIsShownAsItIs) {
  Append("odd\n" + Line("one"));
  EXPECT_EQ(Show({}), "odd\none\n");
}

TEST_F(LogSessionTest, MissingLogIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(SendLog(
      path_, {}, [] { return false; }, peer_)));
  EXPECT_TRUE(absl::IsNotFound(SendLog(
      root_ / "ns_pod_other/main/0.log", {}, [] { return false; }, peer_)));
}

TEST_F(LogSessionTest, SymbolicLinksOfAPodAreNotFollowed) {
  std::ofstream(root_ / "secret") << Line("secret");
  std::filesystem::create_symlink(root_ / "secret", path_);
  EXPECT_FALSE(SendLog(
                   path_, {}, [] { return false; }, peer_)
                   .ok());
  // Neither is one in place of the container's directory, or the pod's.
  std::filesystem::create_directories(root_ / "elsewhere/main");
  std::ofstream(root_ / "elsewhere/main/0.log") << Line("secret");
  std::filesystem::create_directory_symlink(root_ / "elsewhere", root_ / "ns_pod_2");
  EXPECT_FALSE(SendLog(
                   root_ / "ns_pod_2/main/0.log", {}, [] { return false; }, peer_)
                   .ok());
  std::filesystem::create_directories(root_ / "ns_pod_3");
  std::filesystem::create_directory_symlink(root_ / "elsewhere/main", root_ / "ns_pod_3/main");
  EXPECT_FALSE(SendLog(
                   root_ / "ns_pod_3/main/0.log", {}, [] { return false; }, peer_)
                   .ok());
  EXPECT_EQ(peer_.out(), "");
}

TEST_F(LogSessionTest, PipeInPlaceOfALogIsRefused) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(SendLog(
      path_, {}, [] { return false; }, peer_)));
}

TEST_F(LogSessionTest, FollowShowsNewLinesUntilTheContainerHasEnded) {
  Append(Line("one"));
  Follow({});
  ASSERT_TRUE(peer_.AwaitOut(4));
  Append(Line("two"));
  ASSERT_TRUE(peer_.AwaitOut(8));
  EndWith(Line("last words"));
  EXPECT_EQ(peer_.out(), "one\ntwo\nlast words\n");
}

TEST_F(LogSessionTest, FollowOfAnEndedContainerEndsByItself) {
  Append(Line("one"));
  running_ = false;
  EXPECT_EQ(Show({.follow = true}), "one\n");
}

TEST_F(LogSessionTest, FollowAfterTailZeroShowsOnlyWhatIsNew) {
  Append(Line("old") + Line("older"));
  Follow({.tail_lines = 0});
  // It may not have looked yet; only a line that is shown proves that it has.
  do {
    Append(Line("new"));
  } while (peer_.out().empty());
  EndWith("");
  EXPECT_EQ(peer_.out().substr(0, 4), "new\n");
  EXPECT_EQ(peer_.out().find("old"), std::string::npos);
}

TEST_F(LogSessionTest, LineInTwoWritesIsOneLine) {
  Append("");
  Follow({});
  Append("2026-01-02T03:04:05Z stdout F he");
  Append("llo\n");
  ASSERT_TRUE(peer_.AwaitOut(6));
  EndWith("");
  EXPECT_EQ(peer_.out(), "hello\n");
}

TEST_F(LogSessionTest, RotationDuringFollowLosesNothing) {
  Append(Line("0"));
  Follow({});
  std::string expected = "0\n";
  ASSERT_TRUE(peer_.AwaitOut(expected.size()));
  for (int i = 1; i <= 5; ++i) {
    // As the agent and the runtime do it: renamed, written to under the new name, then made anew.
    const std::string rotated = absl::StrCat(path_, ".", i);
    std::filesystem::rename(path_, rotated);
    std::ofstream(rotated, std::ios::app) << Line(absl::StrCat("late ", i));
    Append(Line(absl::StrCat("new ", i)));
    absl::StrAppend(&expected, "late ", i, "\nnew ", i, "\n");
    ASSERT_TRUE(peer_.AwaitOut(expected.size())) << peer_.out();
  }
  EndWith("");
  EXPECT_EQ(peer_.out(), expected);
}

// pod-lifecycle.md, 18: a slow reader meets files that were rotated, and compressed, meanwhile.
TEST_F(LogSessionTest, SeveralRotationsWhileTheReaderIsAwayLoseAndRepeatNothing) {
  Append(Line("one"));
  std::string expected = "one\n";
  // The reader is held up in the middle of its output.
  peer_.BlockAfter(expected.size());
  Follow({});
  ASSERT_TRUE(peer_.AwaitOut(expected.size()));
  const auto rotate = [this](const std::string& stamp) {
    std::filesystem::rename(path_, absl::StrCat(path_, ".", stamp));
  };
  const auto compress = [this](const std::string& stamp) {
    const std::string name = absl::StrCat(path_, ".", stamp);
    std::ifstream in(name);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    gzFile out = ::gzopen((name + ".gz").c_str(), "wb");
    ::gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
    ::gzclose(out);
    std::filesystem::remove(name);
  };
  Append(Line("two"));
  rotate("20260101-000001");
  Append(Line("three"));
  rotate("20260101-000002");
  compress("20260101-000001");
  Append(Line("four"));
  rotate("20260101-000003");
  compress("20260101-000002");
  Append(Line("five"));
  peer_.Unblock();
  EndWith("");
  EXPECT_EQ(peer_.out(), "one\ntwo\nthree\nfour\nfive\n");
}

TEST_F(LogSessionTest, WhatWasRotatedBeforeTheFollowIsNotShown) {
  Append(Line("old"));
  std::filesystem::rename(path_, path_ + ".20260101-000001");
  Append(Line("new"));
  Follow({});
  ASSERT_TRUE(peer_.AwaitOut(4));
  std::filesystem::rename(path_, path_ + ".20260101-000002");
  Append(Line("newer"));
  EndWith("");
  EXPECT_EQ(peer_.out(), "new\nnewer\n");
}

TEST_F(LogSessionTest, LastWordsAfterARotationAreShown) {
  Append(Line("one"));
  Follow({});
  ASSERT_TRUE(peer_.AwaitOut(4));
  std::filesystem::rename(path_, path_ + ".1");
  EndWith(Line("two"));
  EXPECT_EQ(peer_.out(), "one\ntwo\n");
}

TEST_F(LogSessionTest, EmptiedFileIsReadFromItsBeginning) {
  Append(Line("one, and long enough"));
  Follow({});
  ASSERT_TRUE(peer_.AwaitOut(21));
  std::filesystem::resize_file(path_, 0);
  Append(Line("two"));
  ASSERT_TRUE(peer_.AwaitOutWith("two\n"));
  EndWith("");
}

TEST_F(LogSessionTest, FollowEndsWhenTheUserHasGone) {
  Append(Line("one"));
  peer_.LeaveAfter(4);
  Follow({});
  follower_.join();
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(LogSessionTest, CancelEndsAFollowThatWaits) {
  Append(Line("one"));
  Follow({});
  ASSERT_TRUE(peer_.AwaitOut(4));
  peer_.Cancel();
  follower_.join();
}

TEST_F(LogSessionTest, LimitEndsAFollow) {
  Append(Line("one"));
  Follow({.bytes_max = 6});
  ASSERT_TRUE(peer_.AwaitOut(4));
  Append(Line("two"));
  follower_.join();
  EXPECT_EQ(peer_.out(), "one\ntw");
}

}  // namespace
}  // namespace muster::agent
