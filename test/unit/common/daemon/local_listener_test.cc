#include "common/daemon/local_listener.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

int Bound(const std::string& path, int type = SOCK_STREAM) {
  const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(path);
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

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
    return LocalListener::Listen({path_, "test socket", group_}, *loop_, [this](int fd) {
      ::close(fd);
      if (++connections_ == expected_) loop_->Quit();
    });
  }
  int Connect() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un address = AddressOf(path_);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
  }

  std::string folder_, path_;
  std::optional<gid_t> group_;
  std::unique_ptr<EventLoop> loop_;
  int connections_ = 0;
  int expected_ = 1;  // With the last of them the loop ends.
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

TEST_F(LocalListenerTest, WhoseFirstGroupItIsMayConnectToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  group_ = 4711;
  const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(4711) != 0 || ::setuid(4712) != 0) ::_exit(9);
    ::_exit(Connect() < 0 ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_EQ(connections_, 1);
}

TEST_F(LocalListenerTest, MembersOfTheGroupMayConnectToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  group_ = 4711;
  absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat info;
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  EXPECT_EQ(info.st_gid, 4711u);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  // Whether it can be connected to; whether one is served shows in connections_.
  const auto try_as = [this](std::vector<gid_t> groups) {
    const pid_t child = ::fork();
    if (child == 0) {
      // The file lets in whom it belongs to; the peer's groups are looked at as well.
      if (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(4712) != 0 ||
          ::setuid(4712) != 0) {
        ::_exit(9);
      }
      const int fd = Connect();
      ::_exit(fd < 0 ? 1 : 0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(try_as({4713}), 1);
  // Somebody loosened the file: the credentials still count.
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  EXPECT_EQ(try_as({4713}), 0);
  ASSERT_EQ(::chmod(path_.c_str(), 0660), 0);
  EXPECT_EQ(try_as({4713, 4711}), 0);
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_EQ(connections_, 1) << "the one of the group";
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
  ::close(Bound(path_));
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

// As systemd does it: descriptors from 3 on, in the environment of that very process.
class InheritedSocketTest : public LocalListenerTest {
 protected:
  void SetUp() override {
    LocalListenerTest::SetUp();
    std::filesystem::create_directories(folder_ + "/run");
    fd_ = Bound(path_);
    ASSERT_EQ(::listen(fd_, 8), 0);
    kept_ = ::fcntl(fd_, F_DUPFD_CLOEXEC, 200);  // systemd's own, beyond those that are passed.
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    Pass({});
  }
  // All descriptors up to the last one are open, too, and passed for all that anybody can see.
  void Pass(const std::map<int, std::string>& names) {
    const int last = names.empty() ? fd_ : names.rbegin()->first;
    ::setenv("LISTEN_FDS", std::to_string(last - 2).c_str(), 1);
    std::vector<std::string> all;
    for (int fd = 3; fd <= last; ++fd) {
      const auto name = names.find(fd);
      all.push_back(name == names.end() ? "other" : name->second);
    }
    ::setenv("LISTEN_FDNAMES", absl::StrJoin(all, ":").c_str(), 1);
  }
  // As a unit does that is stopped and started: another socket has the path.
  int BindAnew() {
    std::filesystem::remove(path_);
    return Bound(path_);
  }
  void TearDown() override {
    ::unsetenv("LISTEN_FDNAMES");
    ::unsetenv("LISTEN_PID");
    ::unsetenv("LISTEN_FDS");
    ::close(kept_);
    LocalListenerTest::TearDown();
  }
  int fd_ = -1, kept_ = -1;
};

TEST_F(InheritedSocketTest, WhoConnectedBeforeIsServedAndTheSocketStays) {
  const int early = Connect();
  ASSERT_GE(early, 0);
  {
    const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_NE(::fcntl(fd_, F_GETFL) & O_NONBLOCK, 0);
    ASSERT_TRUE(loop_->Run().ok());
    EXPECT_EQ(connections_, 1);
    struct stat info;
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
  }
  ::close(early);
  // For the one after this.
  EXPECT_TRUE(std::filesystem::exists(path_));
  const int late = Connect();
  EXPECT_GE(late, 0);
  ::close(late);
}

TEST_F(InheritedSocketTest, OneWhoseFileIsGoneIsMadeAnew) {
  std::filesystem::remove(path_);
  const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int fd = Connect();
  ASSERT_GE(fd, 0);
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_EQ(connections_, 1);
  ::close(fd);
  ::close(fd_);
}

TEST_F(InheritedSocketTest, WhoWaitsAtTheOneOfBeforeIsServedToo) {
  const int early = Connect();
  ASSERT_GE(early, 0);
  const int now = BindAnew();
  ASSERT_EQ(::listen(now, 8), 0);
  const int late = Connect();
  ASSERT_GE(late, 0);
  Pass({{fd_, "earlier"}, {now, "muster-test.socket"}});
  const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  expected_ = 2;
  ASSERT_TRUE(loop_->Run().ok());
  // Both were closed by us, so both were handed over.
  char byte;
  EXPECT_EQ(::recv(early, &byte, 1, 0), 0);
  EXPECT_EQ(::recv(late, &byte, 1, 0), 0);
  ::close(early);
  ::close(late);
}

TEST_F(InheritedSocketTest, AStoredOneThatStillHasThePathIsTaken) {
  Pass({{fd_, "earlier"}});
  {
    const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
    ASSERT_TRUE(listener.ok()) << listener.status();
    const int fd = Connect();
    ASSERT_GE(fd, 0);
    ASSERT_TRUE(loop_->Run().ok());
    ::close(fd);
  }
  EXPECT_TRUE(std::filesystem::exists(path_)) << "it is not ours to remove";
}

TEST_F(InheritedSocketTest, AStoredOneThatLostThePathIsReplaced) {
  ::close(BindAnew());  // By a process that was killed.
  Pass({{fd_, "earlier"}});
  const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int fd = Connect();
  ASSERT_GE(fd, 0);
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_EQ(connections_, 1);
  ::close(fd);
}

TEST_F(InheritedSocketTest, SystemdIsGivenTheSocketToKeep) {
  const std::string notify = folder_ + "/notify";
  const int systemd = Bound(notify, SOCK_DGRAM);
  ::setenv("NOTIFY_SOCKET", notify.c_str(), 1);
  const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ::unsetenv("NOTIFY_SOCKET");
  ASSERT_TRUE(listener.ok()) << listener.status();

  int received = -1;
  std::vector<std::string> messages;
  while (received < 0) {
    std::array<char, 256> text;
    alignas(cmsghdr) std::array<char, 256> control;
    iovec bytes = {text.data(), text.size()};
    msghdr message = {};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(systemd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    ASSERT_GE(size, 0) << "nothing was given";
    messages.emplace_back(text.data(), static_cast<size_t>(size));
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_type == SCM_RIGHTS) std::memcpy(&received, CMSG_DATA(part), sizeof received);
    }
  }
  EXPECT_THAT(messages, ::testing::ElementsAre("FDSTOREREMOVE=1\nFDNAME=earlier",
                                               "FDSTORE=1\nFDNAME=earlier"));
  struct stat ours, given;
  ASSERT_EQ(::fstat(fd_, &ours), 0);
  ASSERT_EQ(::fstat(received, &given), 0);
  EXPECT_EQ(given.st_ino, ours.st_ino);
  ::close(received);
  ::close(systemd);
}

TEST_F(InheritedSocketTest, OneOfAnotherPathIsNotTaken) {
  path_ = folder_ + "/run/other.sock";
  const absl::StatusOr<std::unique_ptr<LocalListener>> listener = Listen();
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int fd = Connect();
  ASSERT_GE(fd, 0);
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_EQ(connections_, 1);
  ::close(fd);
  ::close(fd_);
}

}  // namespace
}  // namespace muster
