#include "common/daemon/notify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "common/base/macros.h"
#include "common/daemon/event_loop.h"
#include "test/support/temp_dir.h"

namespace muster {
namespace {

// The other end of sd_notify.
class NotifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = dir_ / "notify";
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    MUSTER_CHECK(path.size() < sizeof address.sun_path);
    std::strcpy(address.sun_path, path.c_str());
    MUSTER_CHECK(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
  }
  std::string Received() {
    char buffer[512];
    const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
    return size < 0 ? "" : std::string(buffer, static_cast<size_t>(size));
  }

  TempDir dir_;
  int fd_ = -1;
};

TEST_F(NotifyTest, SaysWhatSystemdUnderstands) {
  NotifyReady("Holding 3 nodes");
  EXPECT_EQ(Received(), "READY=1\nSTATUS=Holding 3 nodes");
  NotifyStatus("Waiting for\ncontainerd");
  EXPECT_EQ(Received(), "STATUS=Waiting for containerd");
  NotifyReloading();
  EXPECT_THAT(Received(), ::testing::MatchesRegex(
                              "RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+\nSTATUS=[A-Za-z ]+"));
  NotifyStopping();
  EXPECT_EQ(Received(), "STOPPING=1\nSTATUS=Stopping");
}

TEST_F(NotifyTest, TheTurningLoopKeepsTheWatchdogQuiet) {
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  const auto loop = EventLoop::Create().value();
  EXPECT_TRUE(loop->KeepWatchdogQuiet().ok());
  int pings = 0;
  const auto source = loop->OnReadable(fd_, [&] {
    EXPECT_EQ(Received(), "WATCHDOG=1");
    if (++pings == 3) loop->Quit();
  });
  EXPECT_TRUE(loop->Run().ok());
  EXPECT_EQ(pings, 3);
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

TEST(Notify, WithoutSystemdNothingHappens) {
  ::unsetenv("NOTIFY_SOCKET");
  NotifyReady("x");
  NotifyStatus("x");
  NotifyStopping();
  SUCCEED();
}

}  // namespace
}  // namespace muster
