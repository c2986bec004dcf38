// What is written to nftables, and what is read of it, by the kernel that this runs on: in a
// network namespace of its own, so that it takes nothing but the right to make one.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "agent/host/listeners.h"
#include "agent/network/host/conntrack.h"
#include "agent/network/host/loopback_ways.h"
#include "agent/network/host/nftables.h"
#include "agent/network/ruleset.h"

namespace muster::agent {
namespace {

using testing::Contains;
using testing::IsEmpty;

constexpr char kClientAsks[] = "10.9.0.1";

HostPortTable Leads(const std::string& to, const std::string& protocol = "udp") {
  return {{HostPortKey{false, protocol, std::nullopt, 5300}, {{*ParseIp(to), 5353}, "u", {}}}};
}

// A UDP socket with this address of its own.
class Peer {
 public:
  Peer(const std::string& ip, uint16_t port, bool v6 = false)
      : fd_(::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0)) {
    const timeval patience{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in own = Address(ip, port);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0) << ip;
  }
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Send(const std::string& ip, uint16_t port) const {
    const sockaddr_in to = Address(ip, port);
    EXPECT_EQ(::sendto(fd_, "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 1);
  }
  bool Receives() const {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT) == 1;
  }

 private:
  static sockaddr_in Address(const std::string& ip, uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, ip.c_str(), &address.sin_addr), 1);
    return address;
  }
  const int fd_;
};

class KernelTest : public testing::Test {
 protected:
  Ruleset Put(const HostPortTable& table, const std::set<std::string>& ways = {}) {
    Ruleset next;
    next.host_ports = HostPortElements(table, {*ParseIp("169.254.20.10")}, ways);
    EXPECT_TRUE(nftables_.Run(ReplaceCommands(next)).ok());
    return next;
  }
  std::string Listing() { return nftables_.Ask("list table inet muster").value_or(""); }

  Nftables nftables_;
};

TEST_F(KernelTest, HostPortsAreReadAsTheyWereWritten) {
  HostPortTable table = Leads("10.9.0.2");
  table[{false, "tcp", *ParseIp("192.0.2.1"), 80}] = {{*ParseIp("10.9.0.2"), 8080}, "u", {}};
  table[{true, "tcp", std::nullopt, 80}] = {{*ParseIp("fd00::1"), 8080}, "u", {}};
  table[{true, "sctp", *ParseIp("fd00::9"), 80}] = {{*ParseIp("fd00::1"), 8080}, "u", {}};
  for (int port = 1000; port < 1040; ++port) {
    table[{false, "tcp", std::nullopt, port}] = {{*ParseIp("10.9.0.3"), port}, "v", {}};
  }
  const Ruleset ruleset = Put(table, {"eth0", "cni0"});
  const auto read = ReadHostPortElements(Listing());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, ruleset.host_ports);
  EXPECT_EQ(LoopbackWaysIn(*read), (std::set<std::string>{"cni0", "eth0"}));
  Ruleset services_alone;
  EXPECT_EQ(CompareInherited(Listing(), services_alone).state, Inherited::kAsWanted)
      << "the mark is about the rest";
  // One port led elsewhere is one transaction, and nothing else.
  SetElements next = ruleset.host_ports;
  next["hostport4"]["udp . 5300"] = "10.9.0.4 . 5353";
  const std::string commands = HostPortCommands(ruleset.host_ports, next);
  EXPECT_EQ(commands,
            "delete element inet muster hostport4 { udp . 5300 }\n"
            "add element inet muster hostport4 { udp . 5300 : 10.9.0.4 . 5353 }\n");
  ASSERT_TRUE(nftables_.Run(commands).ok());
  EXPECT_EQ(*ReadHostPortElements(Listing()), next);
  EXPECT_EQ(ReadHostPortElements(""), std::nullopt);
}

TEST_F(KernelTest, AFlowStaysWhereItIsUntilItIsForgotten) {
  Put(Leads("10.9.0.2"));
  const Peer first("10.9.0.2", 5353), second("10.9.0.3", 5353), client(kClientAsks, 4000);
  client.Send(kClientAsks, 5300);
  EXPECT_TRUE(first.Receives());
  Put(Leads("10.9.0.3"));
  client.Send(kClientAsks, 5300);
  EXPECT_TRUE(first.Receives()) << "the kernel remembers";
  EXPECT_FALSE(second.Receives());

  const std::set<IpAddress> here = AddressesHere();
  EXPECT_THAT(here, Contains(*ParseIp(kClientAsks)));
  const UdpPlaces now = UdpPlacesOf({}, Leads("10.9.0.3"));
  const auto forget = [&] {
    return ForgetUdpFlows([&](const UdpFlow& flow) {
      return IsStale(flow, here.contains(flow.asked.address), now, {});
    });
  };
  absl::StatusOr<int> forgotten = forget();
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_EQ(*forgotten, 1);
  client.Send(kClientAsks, 5300);
  EXPECT_TRUE(second.Receives());
  EXPECT_FALSE(first.Receives());
  forgotten = forget();
  EXPECT_EQ(forgotten.value_or(-1), 0) << "what is led right stays";
}

TEST_F(KernelTest, AFlowFromBeforeThereWasAPortIsLedToo) {
  nftables_.Run("delete table inet muster").IgnoreError();
  // Connections are only remembered where somebody asks for that.
  ASSERT_TRUE(nftables_
                  .Run("add table inet t\nadd chain inet t c { type filter hook output priority "
                       "0 ; }\nadd rule inet t c ct state new accept\n")
                  .ok());
  const Peer place("10.9.0.2", 5353), client(kClientAsks, 4001);
  client.Send(kClientAsks, 5300);
  Put(Leads("10.9.0.2"));
  client.Send(kClientAsks, 5300);
  EXPECT_FALSE(place.Receives());
  const UdpPlaces now = UdpPlacesOf({}, Leads("10.9.0.2"));
  const auto forgotten =
      ForgetUdpFlows([&](const UdpFlow& flow) { return IsStale(flow, true, now, {}); });
  EXPECT_GE(forgotten.value_or(-1), 1);
  client.Send(kClientAsks, 5300);
  EXPECT_TRUE(place.Receives());
}

TEST_F(KernelTest, OnlySwitchesThatWereOffAreOurs) {
  std::set<std::string> ours;
  const std::vector<IpAddress> pods = {*ParseIp("10.9.1.2"), *ParseIp("fd00::1")};
  const auto setting = [] {
    std::ifstream file("/proc/sys/net/ipv4/conf/way/route_localnet");
    int value = -1;
    file >> value;
    return value;
  };
  ASSERT_EQ(setting(), 0);
  ASSERT_TRUE(OpenLoopbackWays(pods, ours).ok());
  EXPECT_EQ(ours, std::set<std::string>{"way"});
  EXPECT_EQ(setting(), 1);
  std::set<std::string> more;
  ASSERT_TRUE(OpenLoopbackWays(pods, more).ok());
  EXPECT_THAT(more, IsEmpty()) << "somebody else has it on";
  ours.insert("no-such-way");
  EXPECT_TRUE(CloseLoopbackWays(ours).ok());
  EXPECT_EQ(setting(), 0);
}

TEST_F(KernelTest, WhoListensIsSeen) {
  const int tcp = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(7000);
  ::inet_pton(AF_INET, kClientAsks, &address.sin_addr);
  ASSERT_EQ(::bind(tcp, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_FALSE(IsListening("TCP", "", 7000)) << "it does not listen yet";
  ASSERT_EQ(::listen(tcp, 1), 0);
  EXPECT_TRUE(IsListening("TCP", "", 7000));
  EXPECT_TRUE(IsListening("TCP", kClientAsks, 7000));
  EXPECT_TRUE(IsListening("TCP", "0.0.0.0", 7000));
  EXPECT_FALSE(IsListening("TCP", "10.9.0.2", 7000));
  EXPECT_FALSE(IsListening("TCP", "::", 7000));
  EXPECT_FALSE(IsListening("TCP", "", 7001));
  EXPECT_FALSE(IsListening("UDP", "", 7000));
  ::close(tcp);
  EXPECT_FALSE(IsListening("TCP", "", 7000));

  const int both = ::socket(AF_INET6, SOCK_DGRAM, 0);
  sockaddr_in6 every = {};
  every.sin6_family = AF_INET6;
  every.sin6_port = htons(7000);
  ASSERT_EQ(::bind(both, reinterpret_cast<const sockaddr*>(&every), sizeof every), 0);
  EXPECT_TRUE(IsListening("UDP", "10.9.0.2", 7000)) << "an IPv6 socket takes IPv4, too";
  EXPECT_TRUE(IsListening("UDP", "fd00::1", 7000));
  ::close(both);
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (::unshare(CLONE_NEWNET) != 0 ||
      std::system("ip link set lo up && ip addr add 10.9.0.1/32 dev lo && "
                  "ip addr add 10.9.0.2/32 dev lo && ip addr add 10.9.0.3/32 dev lo && "
                  "ip link add way type bridge && ip link set way up && "
                  "ip addr add 10.9.1.1/24 dev way && "
                  "nft list tables >/dev/null") != 0) {
    std::fprintf(stderr, "no network namespace of its own, or no nftables here: skipped\n");
    return 77;
  }
  return RUN_ALL_TESTS();
}
