#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "agent/tunnel/forward_session.h"
#include "agent/tunnel/pod_socket.h"
#include "common/base/macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/tunnel/recording_peer.h"

namespace muster::agent {
namespace {

using ::testing::HasSubstr;

// A server on a loopback address of the thread's network, as a pod has one.
class PodServer {
 public:
  explicit PodServer(int family = AF_INET) {
    listener_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage storage{};
    socklen_t length = sizeof(sockaddr_in);
    if (family == AF_INET) {
      auto* address = reinterpret_cast<sockaddr_in*>(&storage);
      address->sin_family = AF_INET;
      address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
      auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
      address->sin6_family = AF_INET6;
      address->sin6_addr = in6addr_loopback;
      length = sizeof(sockaddr_in6);
    }
    auto* any = reinterpret_cast<sockaddr*>(&storage);
    listens_ = ::bind(listener_, any, length) == 0 && ::listen(listener_, 8) == 0 &&
               ::getsockname(listener_, any, &length) == 0;
    port_ = ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  }
  ~PodServer() { ::close(listener_); }
  bool listens() const { return listens_; }
  int port() const { return port_; }
  OwnedFd Accept() const { return OwnedFd(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  int listener_ = -1;
  int port_ = 0;
  bool listens_ = false;
};

// What comes until the end, or so many bytes.
std::string ReadFrom(int fd, size_t bytes_max = SIZE_MAX) {
  std::string all;
  char buffer[16384];
  while (all.size() < bytes_max) {
    const ssize_t got = ::recv(fd, buffer, std::min(sizeof buffer, bytes_max - all.size()), 0);
    if (got <= 0) break;
    all.append(buffer, static_cast<size_t>(got));
  }
  return all;
}

// Writes as much as goes until nothing goes for a while; returns how much that was.
size_t Fill(int fd, size_t bytes_max) {
  const std::string piece(64 << 10, 'x');
  size_t sent = 0;
  while (sent < bytes_max) {
    pollfd wait{fd, POLLOUT, 0};
    if (::poll(&wait, 1, 500) == 0) break;
    const ssize_t now = ::send(fd, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (now <= 0) break;
    sent += static_cast<size_t>(now);
  }
  return sent;
}

// A connection that is being forwarded on a thread, and the pod's end of it.
class ForwardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_.listens());
    absl::StatusOr<OwnedFd> socket = ConnectInPod("", server_.port(), peer_);
    ASSERT_TRUE(socket.ok()) << socket.status();
    pod_ = server_.Accept();
    forward_ = std::thread([this, socket = *std::move(socket)] {
      status_ = RunForward(socket, peer_);
      over_.Notify();
    });
  }
  void TearDown() override {
    if (forward_.joinable()) {
      peer_.Cancel();
      forward_.join();
    }
  }
  absl::Status AwaitEnd() {
    EXPECT_TRUE(over_.WaitForNotificationWithTimeout(absl::Seconds(20)));
    if (!over_.HasBeenNotified()) peer_.Cancel();
    forward_.join();
    return status_;
  }

  PodServer server_;
  RecordingPeer peer_;
  OwnedFd pod_;
  std::thread forward_;
  absl::Notification over_;
  absl::Status status_;
};

TEST_F(ForwardTest, CarriesBothWaysUntilBothHaveEnded) {
  peer_.Type("question");
  EXPECT_EQ(ReadFrom(pod_.get(), 8), "question");
  ASSERT_EQ(::send(pod_.get(), "answer", 6, 0), 6);
  EXPECT_TRUE(peer_.AwaitOut(6));
  peer_.CloseStdin();
  EXPECT_EQ(ReadFrom(pod_.get()), "");
  ::shutdown(pod_.get(), SHUT_WR);
  EXPECT_EQ(AwaitEnd(), absl::OkStatus());
  EXPECT_EQ(peer_.out(), "answer");
  EXPECT_TRUE(peer_.out_ended());
}

TEST_F(ForwardTest, TheUserMayEndFirstAndStillHear) {
  peer_.Type("all of it");
  peer_.CloseStdin();
  EXPECT_EQ(ReadFrom(pod_.get()), "all of it");  // To the end, so the pod knows.
  const std::string answer(3 << 20, 'a');
  std::thread sender([&] {
    ASSERT_EQ(::send(pod_.get(), answer.data(), answer.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer.size()));
    ::shutdown(pod_.get(), SHUT_WR);
  });
  EXPECT_EQ(AwaitEnd(), absl::OkStatus());
  sender.join();
  EXPECT_EQ(peer_.out().size(), answer.size());
}

TEST_F(ForwardTest, ThePodMayEndFirstAndStillHear) {
  ::shutdown(pod_.get(), SHUT_WR);
  while (!peer_.out_ended() && !over_.HasBeenNotified()) std::this_thread::yield();
  peer_.Type("late");
  peer_.CloseStdin();
  EXPECT_EQ(ReadFrom(pod_.get()), "late");
  EXPECT_EQ(AwaitEnd(), absl::OkStatus());
}

TEST_F(ForwardTest, AUserWhoDoesNotReadHoldsThePodBackAndNotItself) {
  constexpr size_t kAll = 64 << 20;
  peer_.HoldAfter(1);
  const size_t sent = Fill(pod_.get(), kAll);
  // What the kernel's buffers hold, and one piece of ours.
  EXPECT_LT(sent, size_t{16} << 20);
  EXPECT_LE(peer_.out().size(), size_t{64} << 10);
  // The other way goes on meanwhile.
  peer_.Type("still here");
  EXPECT_EQ(ReadFrom(pod_.get(), 10), "still here");
  peer_.Unblock();
  EXPECT_TRUE(peer_.AwaitOut(sent));
}

TEST_F(ForwardTest, APodThatDoesNotReadHoldsTheUserBackAndNotItself) {
  constexpr size_t kPiece = 64 << 10, kPieces = 512;
  for (size_t i = 0; i < kPieces; ++i) peer_.Type(std::string(kPiece, 'x'));
  // Once nothing more is taken.
  size_t before = 0, left = kPiece * kPieces;
  while (left != before) {
    before = left;
    pollfd nothing{-1, 0, 0};
    ::poll(&nothing, 1, 300);
    left = peer_.input_bytes();
  }
  EXPECT_GT(left, size_t{16} << 20) << "taken: " << kPiece * kPieces - left;
  // The other way goes on meanwhile.
  ASSERT_EQ(::send(pod_.get(), "still here", 10, 0), 10);
  EXPECT_TRUE(peer_.AwaitOutWith("still here"));
  peer_.CloseStdin();
  EXPECT_EQ(ReadFrom(pod_.get()).size(), kPiece * kPieces);
}

TEST_F(ForwardTest, ABrokenConnectionIsAnError) {
  const linger now{1, 0};
  ASSERT_EQ(::setsockopt(pod_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
  pod_ = OwnedFd();
  EXPECT_TRUE(absl::IsAborted(AwaitEnd()));
}

TEST_F(ForwardTest, AUserWhoLeavesEndsIt) {
  peer_.Cancel();
  EXPECT_TRUE(absl::IsCancelled(AwaitEnd()));
  EXPECT_EQ(ReadFrom(pod_.get()), "");
}

TEST_F(ForwardTest, AUserWhoLeavesIsNoticedAlsoWhileItsInputWaits) {
  for (int i = 0; i < 512; ++i) peer_.Type(std::string(64 << 10, 'x'));
  peer_.Cancel();
  EXPECT_TRUE(absl::IsCancelled(AwaitEnd()));
}

TEST(ConnectInPod, SaysWhichPortNobodyListensOn) {
  int port = 0;
  {
    PodServer closed;
    port = closed.port();
  }
  RecordingPeer peer;
  const absl::Status status = ConnectInPod("", port, peer).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(status.message(), absl::StrCat("cannot connect inside the pod to 127.0.0.1:", port,
                                           ": Connection refused"));
  EXPECT_TRUE(absl::IsInvalidArgument(ConnectInPod("", 0, peer).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ConnectInPod("", 65536, peer).status()));
}

TEST(ConnectInPod, TriesTheOtherLoopbackAddress) {
  const PodServer server(AF_INET6);
  if (!server.listens()) GTEST_SKIP() << "no IPv6 on this machine";
  RecordingPeer peer;
  EXPECT_TRUE(ConnectInPod("", server.port(), peer).ok());
}

TEST(ConnectInPod, ANetworkThatIsGoneIsNotFound) {
  RecordingPeer peer;
  const absl::Status status = ConnectInPod("/nonexistent/cni-1", 80, peer).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/cni-1"));
}

TEST(ConnectInPod, ReachesIntoAnotherNetwork) {
  // A thread in a network of its own plays the pod; what it listens on is not there outside.
  std::optional<int> refused;
  std::string path;
  std::optional<PodServer> server;
  absl::Notification listening, done;
  std::thread pod([&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      refused = errno;
      return listening.Notify();
    }
    const OwnedFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    loopback.ifr_name[0] = 'l';
    loopback.ifr_name[1] = 'o';
    loopback.ifr_flags = IFF_UP;
    MUSTER_CHECK(::ioctl(any.get(), SIOCSIFFLAGS, &loopback) == 0);
    path = absl::StrCat("/proc/", ::getpid(), "/task/", ::gettid(), "/ns/net");
    server.emplace();
    listening.Notify();
    done.WaitForNotification();
  });
  listening.WaitForNotification();
  if (refused) {
    pod.join();
    GTEST_SKIP() << "needs the right to make a network: " << strerror(*refused);
  }
  RecordingPeer peer;
  EXPECT_TRUE(absl::IsFailedPrecondition(ConnectInPod("", server->port(), peer).status()));
  absl::StatusOr<OwnedFd> socket = ConnectInPod(path, server->port(), peer);
  EXPECT_TRUE(socket.ok()) << socket.status();
  if (socket.ok()) {
    const OwnedFd accepted = server->Accept();
    EXPECT_EQ(::send(accepted.get(), "hello", 5, 0), 5);
    pollfd wait{socket->get(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, 10'000), 1);
    EXPECT_EQ(ReadFrom(socket->get(), 5), "hello");
  }
  done.Notify();
  pod.join();
}

}  // namespace
}  // namespace muster::agent
