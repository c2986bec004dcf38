#include "agent/network/host/network_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace muster::agent {

NetworkWatch::NetworkWatch()
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
  if (fd_ < 0) return;
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  // Routes that go with a link or an address go without a word of their own.
  address.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
  ::close(fd_);
  fd_ = -1;
}

NetworkWatch::~NetworkWatch() {
  if (fd_ >= 0) ::close(fd_);
}

void NetworkWatch::Drain() {
  // ENOBUFS says that some were lost, which is a change as well.
  std::array<char, 8192> ignored;
  while (::recv(fd_, ignored.data(), ignored.size(), 0) >= 0 || errno == ENOBUFS) {
  }
}

}  // namespace muster::agent
