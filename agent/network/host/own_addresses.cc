#include "agent/network/host/own_addresses.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

constexpr char kLoopback[] = "lo";

struct Request {
  nlmsghdr header{};
  ifaddrmsg address{};
  std::array<char, 64> attributes{};
};

void AddAttribute(Request& request, uint16_t type, const IpAddress& address) {
  auto* attribute = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(&request) +
                                              NLMSG_ALIGN(request.header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = static_cast<uint16_t>(RTA_LENGTH(address.size()));
  std::memcpy(RTA_DATA(attribute), address.bytes.data(), address.size());
  request.header.nlmsg_len = NLMSG_ALIGN(request.header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

// The errno that the kernel answers; 0 when it is done.
int Change(uint16_t type, uint16_t flags, const IpAddress& address) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  Request request;
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifaddrmsg));
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  request.address.ifa_family = address.v6 ? AF_INET6 : AF_INET;
  request.address.ifa_prefixlen = address.v6 ? 128 : 32;
  request.address.ifa_index = ::if_nametoindex(kLoopback);
  request.address.ifa_scope = address.v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST;
  if (address.v6) request.address.ifa_flags = IFA_F_NODAD;
  AddAttribute(request, IFA_LOCAL, address);
  AddAttribute(request, IFA_ADDRESS, address);
  int result = EIO;
  std::array<char, 4096> answer;
  if (::send(fd, &request, request.header.nlmsg_len, 0) < 0) {
    result = errno;
  } else if (::recv(fd, answer.data(), answer.size(), 0) >=
             static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) {
    const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
    if (header->nlmsg_type == NLMSG_ERROR) {
      result = -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
    }
  }
  ::close(fd);
  return result;
}

}  // namespace

absl::Status AddOwnAddress(const IpAddress& address) {
  const int error = Change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
  if (error == 0 || error == EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("adding ", ToText(address), " to lo"));
}

absl::Status RemoveOwnAddress(const IpAddress& address) {
  const int error = Change(RTM_DELADDR, 0, address);
  if (error == 0 || error == EADDRNOTAVAIL || error == EAFNOSUPPORT) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("removing ", ToText(address), " from lo"));
}

}  // namespace muster::agent
