#include "agent/network/host/own_addresses.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/host/netlink.h"

namespace muster::agent {
namespace {

constexpr char kLoopback[] = "lo";

// The errno that the kernel answers; 0 when it is done.
int Change(uint16_t type, uint16_t flags, const IpAddress& address) {
  ifaddrmsg header = {};
  header.ifa_family = address.v6 ? AF_INET6 : AF_INET;
  header.ifa_prefixlen = address.v6 ? 128 : 32;
  header.ifa_index = ::if_nametoindex(kLoopback);
  header.ifa_scope = address.v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST;
  if (address.v6) header.ifa_flags = IFA_F_NODAD;
  return NetlinkRequest(type, flags)
      .With(header)
      .Attribute(IFA_LOCAL, address.Bytes())
      .Attribute(IFA_ADDRESS, address.Bytes())
      .Do();
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
