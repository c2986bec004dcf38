#include "agent/gate/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "common/base/text_file.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using Waits = std::vector<std::string>;

TEST(Gate, TheLineSaysWhatIsWaitedFor) {
  EXPECT_EQ(GateLine(Waits{}), "ready");
  EXPECT_EQ(GateLine(Waits{"a/b", "c/d"}), "waiting for a/b, c/d");
  EXPECT_THAT(GateLine(std::nullopt), HasSubstr("coordinator"));
  EXPECT_TRUE(GateIsOpen(GateLine(Waits{})));
  EXPECT_FALSE(GateIsOpen(GateLine(Waits{"a/ready"})));
  EXPECT_FALSE(GateIsOpen(GateLine(std::nullopt)));
}

TEST(Gate, TheSignIsWrittenOnlyWhenItChanges) {
  const TempDir dir;
  const std::string path = GatePath(dir / "run");
  GateSign sign(path);
  ASSERT_TRUE(sign.Show(Waits{"a/b"}).ok());
  EXPECT_EQ(*ReadFile(path), "waiting for a/b\n");
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_TRUE(sign.Show(Waits{"a/b"}).ok());
  EXPECT_TRUE(absl::IsNotFound(ReadFile(path).status()));
  ASSERT_TRUE(sign.Show(Waits{}).ok());
  EXPECT_EQ(*ReadFile(path), "ready\n");
}

TEST(Gate, WhoWaitsIsToldEachLineAndGoesOnWhenItOpens) {
  const TempDir dir;
  const std::string path = GatePath(dir / "run");
  std::vector<std::string> told;
  GateSign sign(path);
  // Each step is taken when the one before was seen.
  const absl::Status waited = AwaitGate(path, std::nullopt, [&](const std::string& line) {
    told.push_back(line);
    if (told.size() == 1) {
      EXPECT_EQ(sign.Show(std::nullopt), absl::OkStatus());
    }
    if (told.size() == 2) {
      EXPECT_EQ(sign.Show(Waits{"a/b"}), absl::OkStatus());
    }
    if (told.size() == 3) {
      EXPECT_EQ(sign.Show(Waits{}), absl::OkStatus());
    }
  });
  EXPECT_TRUE(waited.ok()) << waited;
  EXPECT_THAT(told, ElementsAre("waiting for muster-agent", GateLine(std::nullopt),
                                "waiting for a/b", "ready"));
}

TEST(Gate, AChangeFromElsewhereWakesWhoWaits) {
  const TempDir dir;
  const std::string path = GatePath(dir / "run");
  GateSign sign(path);
  ASSERT_TRUE(sign.Show(Waits{"a/b"}).ok());
  std::thread agent;
  const absl::Status waited = AwaitGate(path, milliseconds(60'000), [&](const std::string& line) {
    if (!GateIsOpen(line)) agent = std::thread([&] { EXPECT_TRUE(sign.Show(Waits{}).ok()); });
  });
  agent.join();
  EXPECT_TRUE(waited.ok()) << waited;
}

TEST(Gate, AfterTheTimeoutItSaysWhatIsMissing) {
  const TempDir dir;
  const std::string path = GatePath(dir / "run");
  GateSign sign(path);
  ASSERT_TRUE(sign.Show(Waits{"a/b"}).ok());
  const absl::Status waited = AwaitGate(path, milliseconds(1), [](const std::string&) {});
  EXPECT_TRUE(absl::IsDeadlineExceeded(waited)) << waited;
  EXPECT_THAT(std::string(waited.message()), HasSubstr("a/b"));
}

}  // namespace
}  // namespace muster::agent
