#include "agent/dns/net/dns_server.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kPort = 5399;

// Loopback addresses that no other process of this test uses.
IpAddress Loopback(int number) {
  const int pid = ::getpid();
  return *ParseIp(absl::StrCat("127.", 1 + pid / 250 % 250, ".", pid % 250, ".", number));
}

std::string Ask(const std::string& name, uint16_t type, uint16_t id) {
  DnsQuery query;
  query.type = type;
  query.recursion_desired = true;
  return EncodeUpstreamQuery(*Renamed(query, name), id);
}

int Rcode(const std::string& message) { return message.size() < 12 ? -1 : message[3] & 0xf; }
int Answers(const std::string& message) {
  return message.size() < 12
             ? -1
             : static_cast<uint8_t>(message[6]) * 256 + static_cast<uint8_t>(message[7]);
}

void SetPatience(int fd) {
  const timeval patience{10, 0};
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
}

std::string ByUdp(const IpAddress& server, const std::string& message) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  SetPatience(fd);
  const SocketAddress to = MakeAddress(server, kPort);
  (void)::connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size);
  (void)::send(fd, message.data(), message.size(), 0);
  std::string answer(65535, '\0');
  const ssize_t size = ::recv(fd, answer.data(), answer.size(), 0);
  ::close(fd);
  answer.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return answer;
}

// Sends all at once, cut into pieces, and returns the answers in the order they come.
std::vector<std::string> ByTcp(const IpAddress& server, const std::vector<std::string>& messages) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SetPatience(fd);
  const SocketAddress to = MakeAddress(server, kPort);
  (void)::connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size);
  std::string all;
  for (const std::string& message : messages) all += Framed(message);
  for (size_t at = 0; at < all.size(); at += 7) {
    (void)::send(fd, all.data() + at, std::min<size_t>(7, all.size() - at), MSG_NOSIGNAL);
  }
  std::vector<std::string> answers;
  while (answers.size() < messages.size()) {
    std::string head(2, '\0');
    if (::recv(fd, head.data(), 2, MSG_WAITALL) != 2) break;
    std::string body(static_cast<uint8_t>(head[0]) * 256u + static_cast<uint8_t>(head[1]), '\0');
    if (::recv(fd, body.data(), body.size(), MSG_WAITALL) != static_cast<ssize_t>(body.size())) {
      break;
    }
    answers.push_back(body);
  }
  ::close(fd);
  return answers;
}

// A node's server, and one that stands for the rest of the world.
class DnsServerTest : public testing::Test {
 protected:
  DnsServerTest() : events_(*EventLoop::Create()) {
    here_ = NewServer(1);
    world_ = NewServer(2);
    here_->SetZone(Zone("cluster.local", 3, "set"));
    world_->SetZone(Zone("example.com", 300, "large"));
    here_->SetUpstreams({ToText(Loopback(2))});
  }
  std::unique_ptr<DnsServer> NewServer(int number) {
    DnsServer::Options options;
    options.port = kPort;
    options.upstream.port = kPort;
    options.upstream.try_for = 300ms;
    auto server = std::make_unique<DnsServer>(*events_, clock_, options, &SystemRandomBits);
    const absl::Status listening = server->Listen({Loopback(number)});
    EXPECT_TRUE(listening.ok()) << listening;
    return server;
  }
  static std::shared_ptr<const DnsZone> Zone(const std::string& domain, int places,
                                             const std::string& service) {
    TableWriter writer;
    writer.Service(service);
    writer.Service("www").set_external_name("large.default.svc.example.com");
    network::v1::Slice& slice = writer.Slice(service, "", "TCP", 80);
    for (int i = 0; i < places; ++i) {
      TableWriter::Place(slice, absl::StrCat("10.", i / 250, ".", i % 250, ".1"), "n1");
    }
    return std::make_shared<const DnsZone>(writer.Table(), domain, "n1");
  }
  // Runs what a client does beside the loop.
  void Client(const std::function<void()>& does) {
    std::thread client([&] {
      does();
      events_->Post([this] { events_->Quit(); });
    });
    EXPECT_TRUE(events_->Run().ok());
    client.join();
  }

  SystemClock clock_;
  std::unique_ptr<EventLoop> events_;
  std::unique_ptr<DnsServer> here_, world_;
};

TEST_F(DnsServerTest, AnswersItsOwnNames) {
  Client([] {
    const std::string answer = ByUdp(Loopback(1), Ask("set.default.svc.cluster.local", 1, 7));
    EXPECT_EQ(Answers(answer), 3);
    EXPECT_EQ(Rcode(ByUdp(Loopback(1), Ask("x.default.svc.cluster.local", 1, 8))), 3);
    const std::vector<std::string> answers =
        ByTcp(Loopback(1), {Ask("set.default.svc.cluster.local", 1, 1), "rubbish that is long",
                            Ask("x.default.svc.cluster.local", 1, 3)});
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_EQ(Answers(answers[0]), 3);
    EXPECT_EQ(Rcode(answers[1]), 4);  // Its third byte asks for something nobody knows.
    EXPECT_EQ(Rcode(answers[2]), 3);
  });
}

TEST_F(DnsServerTest, AsksTheWorldForOthersByTcpWhenItHasMuchToSay) {
  Client([] {
    const std::vector<std::string> answers = ByTcp(
        Loopback(1), {Ask("large.default.svc.example.com", 1, 1), Ask("no.svc.example.com", 1, 2)});
    ASSERT_EQ(answers.size(), 2u);
    for (const std::string& answer : answers) {
      if (answer[1] == 1) {
        EXPECT_EQ(Answers(answer), 300);
      } else {
        EXPECT_EQ(Rcode(answer), 3);
      }
    }
    // By UDP it is cut off.
    const std::string cut = ByUdp(Loopback(1), Ask("large.default.svc.example.com", 1, 9));
    EXPECT_EQ(Answers(cut), 0);
    EXPECT_NE(cut[2] & 2, 0);
    // A name of ours that leads there.
    const std::vector<std::string> led =
        ByTcp(Loopback(1), {Ask("www.default.svc.cluster.local", 1, 3)});
    ASSERT_EQ(led.size(), 1u);
    EXPECT_EQ(Answers(led[0]), 301);
  });
}

TEST_F(DnsServerTest, WhatTheWorldSaidIsKept) {
  Client([this] {
    EXPECT_EQ(Answers(ByTcp(Loopback(1), {Ask("large.default.svc.example.com", 1, 1)})[0]), 300);
    events_->Post([this] { world_.reset(); });
    EXPECT_EQ(Answers(ByTcp(Loopback(1), {Ask("large.default.svc.example.com", 1, 2)})[0]), 300);
    EXPECT_EQ(Rcode(ByUdp(Loopback(1), Ask("other.default.svc.example.com", 1, 3))), 2);
  });
}

TEST_F(DnsServerTest, WithoutAnybodyToAskItSaysSo) {
  here_->SetUpstreams({});
  Client([] { EXPECT_EQ(Rcode(ByUdp(Loopback(1), Ask("example.org", 1, 1))), 2); });
}

TEST_F(DnsServerTest, AServerThatDoesNotAnswerIsFollowedByTheNext) {
  here_->SetUpstreams({ToText(Loopback(9)), ToText(Loopback(2))});
  Client([] { EXPECT_EQ(Rcode(ByUdp(Loopback(1), Ask("no.default.svc.example.com", 1, 1))), 3); });
}

TEST_F(DnsServerTest, AServerThatAsksUsIsNotAsked) {
  // The world asks us for what it does not know.
  world_->SetUpstreams({ToText(Loopback(1))});
  here_->SetUpstreams({});
  here_->SetUpstreams({ToText(Loopback(2))});
  Client([] {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(Rcode(ByUdp(Loopback(1), Ask("example.org", 1, 1))), 2);
    EXPECT_EQ(Rcode(ByUdp(Loopback(1), Ask("example.net", 1, 1))), 2);
    // Both found the circle, so nobody waits for anybody.
    EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  });
}

}  // namespace
}  // namespace muster::agent
