#include "coordinator/rpc/acceptor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

// Whom connections are given to. Closes them when it is told to.
class Host {
 public:
  ~Host() {
    for (const int fd : fds_) ::close(fd);
  }
  void Take(int fd) {
    MutexLock lock(&mutex_);
    fds_.push_back(fd);
  }
  bool Await(size_t count) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < until) {
      {
        MutexLock lock(&mutex_);
        if (fds_.size() >= count) return true;
      }
      std::this_thread::yield();
    }
    return false;
  }
  size_t count() {
    MutexLock lock(&mutex_);
    return fds_.size();
  }
  void CloseFirst() {
    MutexLock lock(&mutex_);
    ::close(fds_.front());
    fds_.pop_front();
  }

 private:
  Mutex mutex_;
  std::deque<int> fds_ ABSL_GUARDED_BY(mutex_);
};

class AcceptorTest : public ::testing::Test {
 protected:
  void Start(const std::string& listen, ConnectionGate::Options gate) {
    auto acceptor = Acceptor::Listen({listen, gate});
    ASSERT_TRUE(acceptor.ok()) << acceptor.status();
    acceptor_ = *std::move(acceptor);
    acceptor_->Begin([this](int fd) { host_.Take(fd); });
  }
  void TearDown() override {
    for (const int fd : clients_) ::close(fd);
  }
  // From this address, since each counts by itself.
  int Connect(const std::string& from = "127.0.0.1") {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, from.c_str(), &address.sin_addr);
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    address.sin_port = htons(static_cast<uint16_t>(acceptor_->port()));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    clients_.push_back(fd);
    return fd;
  }
  static std::string NameOf(int client) {
    sockaddr_storage address = {};
    socklen_t size = sizeof address;
    ::getsockname(client, reinterpret_cast<sockaddr*>(&address), &size);
    return "ipv4:" + PeerKeyOf(address);
  }
  // Its other end has hung up, within this time.
  static bool IsCut(int client, std::chrono::milliseconds within) {
    pollfd polled = {client, POLLRDHUP, 0};
    return ::poll(&polled, 1, static_cast<int>(within.count())) == 1;
  }

  Host host_;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<int> clients_;
};

TEST(PeerKey, IsTheSameFromTheKernelAndFromGrpc) {
  sockaddr_storage four = {}, mapped = {}, six = {};
  auto& four_in = reinterpret_cast<sockaddr_in&>(four);
  four_in.sin_family = AF_INET;
  four_in.sin_port = htons(80);
  ::inet_pton(AF_INET, "192.0.2.7", &four_in.sin_addr);
  EXPECT_EQ(PeerKeyOf(four), "192.0.2.7:80");
  EXPECT_EQ(PeerKeyOf("ipv4:192.0.2.7:80"), "192.0.2.7:80");
  auto& mapped_in = reinterpret_cast<sockaddr_in6&>(mapped);
  mapped_in.sin6_family = AF_INET6;
  mapped_in.sin6_port = htons(80);
  ::inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped_in.sin6_addr);
  EXPECT_EQ(PeerKeyOf(mapped), "192.0.2.7:80");
  EXPECT_EQ(GateAddressOf(mapped), GateAddressOf(four));
  auto& six_in = reinterpret_cast<sockaddr_in6&>(six);
  six_in.sin6_family = AF_INET6;
  six_in.sin6_port = htons(80);
  ::inet_pton(AF_INET6, "2001:db8:1:2:3::7", &six_in.sin6_addr);
  EXPECT_EQ(PeerKeyOf(six), "[2001:db8:1:2:3::7]:80");
  EXPECT_EQ(PeerKeyOf("ipv6:%5B2001:db8:1:2:3::7%5D:80"), "[2001:db8:1:2:3::7]:80");
  EXPECT_EQ(PeerKeyOf("ipv6:[2001:db8:1:2:3::7]:80"), "[2001:db8:1:2:3::7]:80");
  EXPECT_EQ(PeerKeyOf("ipv6:%5Bfe80::1%25eth0%5D:80"), "[fe80::1]:80");
  // A whole network is one.
  EXPECT_EQ(GateAddressOf(six), "2001:db8:1:2::/64");
  for (const char* other : {"", "unix:", "fd:7", "ipv4"}) EXPECT_EQ(PeerKeyOf(other), "") << other;
}

TEST_F(AcceptorTest, LetsInWhoComesAndCutsWhoDoesNotSayWhoItIs) {
  Start("127.0.0.1:0", {.unknown_wait_max = 300ms});
  const int known = Connect(), unknown = Connect();
  acceptor_->Known(NameOf(known), "node n1");
  ASSERT_TRUE(host_.Await(2));
  acceptor_->Known(NameOf(known), "node n1");  // Perhaps the first word came before the connection.
  EXPECT_TRUE(IsCut(unknown, 10s));
  EXPECT_FALSE(IsCut(known, 500ms));
}

TEST_F(AcceptorTest, WhoIsGoneMakesRoomWithoutAWord) {
  Start("127.0.0.1:0", {.unknown_max = 2, .patience = 1h, .unknown_wait_max = 1h});
  for (int i = 0; i < 3; ++i) Connect();
  ASSERT_TRUE(host_.Await(2));
  EXPECT_EQ(host_.count(), 2u);
  host_.CloseFirst();
  ASSERT_TRUE(host_.Await(2)) << "the third one is let in";
}

TEST_F(AcceptorTest, AnotherAddressGetsInWhileOneTakesAllThereIs) {
  Start("127.0.0.1:0", {.unknown_max = 8, .all_max = 64, .patience = 1h, .unknown_wait_max = 1h});
  for (int i = 0; i < 200; ++i) Connect("127.0.0.2");
  ASSERT_TRUE(host_.Await(8));
  const int quiet = Connect("127.0.0.3");
  ASSERT_TRUE(host_.Await(9));
  EXPECT_FALSE(IsCut(quiet, 300ms));
}

// The listener of gRPC stops for good then.
TEST_F(AcceptorTest, WithoutDescriptorsItGoesOnAsSoonAsThereAreSome) {
  Start("127.0.0.1:0", {.patience = 1h, .unknown_wait_max = 1h});
  const int first = Connect();
  ASSERT_TRUE(host_.Await(1));
  acceptor_->Known(NameOf(first), "node n1");
  const int waits = Connect();
  ASSERT_TRUE(host_.Await(2));
  acceptor_->Known(NameOf(waits), "node n2");
  // A client that needs no new descriptor of this process is made beforehand.
  const int late = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  clients_.push_back(late);
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(acceptor_->port()));
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  ASSERT_EQ(::connect(late, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_FALSE(IsCut(late, 300ms));
  EXPECT_EQ(host_.count(), 2u);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(host_.Await(3));
  EXPECT_FALSE(IsCut(first, 0ms)) << "whoever is known is not the one who has to make room";
}

TEST(Acceptor, SaysWhyItCannotListen) {
  auto first = Acceptor::Listen({"127.0.0.1:0", {}});
  ASSERT_TRUE(first.ok());
  const std::string taken = "127.0.0.1:" + std::to_string((*first)->port());
  for (const std::string& listen : {taken, std::string("192.0.2.1:0"), std::string("no port")}) {
    const auto refused = Acceptor::Listen({listen, {}});
    EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), ::testing::HasSubstr(listen));
  }
}

TEST(Acceptor, EveryAddressIsThatOfBothFamilies) {
  auto acceptor = Acceptor::Listen({"[::]:0", {}});
  ASSERT_TRUE(acceptor.ok()) << acceptor.status();
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>((*acceptor)->port()));
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(client);
}

}  // namespace
}  // namespace muster::coordinator
