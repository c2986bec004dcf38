#include "coordinator/rpc/local_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

class LocalListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/listener-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/run/c.sock";
    loop_ = *EventLoop::Create();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<LocalListener>> Listen() {
    return LocalListener::Listen(path_, *loop_, [this](int fd) {
      ++connections_;
      ::close(fd);
      loop_->Quit();
    });
  }
  int Connect() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
  }

  std::string folder_, path_;
  std::unique_ptr<EventLoop> loop_;
  int connections_ = 0;
};

TEST_F(LocalListenerTest, HandsOverConnectionsOfOurOwnUser) {
  const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int fd = Connect();
  ASSERT_GE(fd, 0);
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_EQ(connections_, 1);
  ::close(fd);
}

TEST_F(LocalListenerTest, OnlyItsOwnerCanOpenTheSocketAndItGoesWithTheListener) {
  absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat info;
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  listener->reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(LocalListenerTest, ASecondListenerIsRefusedAndTheFirstGoesOn) {
  const absl::StatusOr<std::unique_ptr<LocalListener>> first = Listen();
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(Listen().status().code(), absl::StatusCode::kFailedPrecondition);
  const int fd = Connect();
  EXPECT_GE(fd, 0);
  ::close(fd);
}

TEST_F(LocalListenerTest, ASocketThatAKilledProcessLeftIsReplaced) {
  std::filesystem::create_directories(folder_ + "/run");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  ASSERT_TRUE(std::filesystem::exists(path_));
  EXPECT_TRUE(Listen().ok());
}

TEST_F(LocalListenerTest, AFileOfTheNameIsNotTouched) {
  std::filesystem::create_directories(folder_ + "/run");
  std::ofstream(path_) << "precious";
  EXPECT_EQ(Listen().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(LocalListenerTest, APathThatIsTooLongIsRefused) {
  path_ = folder_ + "/" + std::string(200, 'x');
  EXPECT_EQ(Listen().status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace muster::coordinator
