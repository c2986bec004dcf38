#include "agent/network/host/loopback_ways.h"

#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "agent/host/netlink.h"

namespace muster::agent {
namespace {

// The number of the interface by which the kernel would send there; 0 when there is no way.
int InterfaceTo(const IpAddress& address) {
  rtmsg header = {};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 32;
  int32_t index = 0;
  (void)NetlinkRequest(RTM_GETROUTE, 0)
      .With(header)
      .Attribute(RTA_DST, address.Bytes())
      .Get([&index](const nlmsghdr& message) {
        ForEachAttribute(message, sizeof(rtmsg), [&index](uint16_t type, std::string_view value) {
          if (type == RTA_OIF && value.size() == sizeof index) {
            std::memcpy(&index, value.data(), sizeof index);
          }
        });
      });
  return index;
}

ifinfomsg LinkHeader(int index) {
  ifinfomsg header = {};
  header.ifi_index = index;
  return header;
}

bool HasRouteLocalnet(int index) {
  bool on = false;
  (void)NetlinkRequest(RTM_GETLINK, 0).With(LinkHeader(index)).Get([&on](const nlmsghdr& message) {
    ForEachAttribute(message, sizeof(ifinfomsg), [&on](uint16_t type, std::string_view value) {
      if ((type & NLA_TYPE_MASK) != IFLA_AF_SPEC) return;
      ForEachNested(value, [&on](uint16_t family, std::string_view of_family) {
        if (family != AF_INET) return;
        ForEachNested(of_family, [&on](uint16_t kind, std::string_view settings) {
          // An array of numbers, the first with number 1.
          constexpr size_t kAt = (IPV4_DEVCONF_ROUTE_LOCALNET - 1) * sizeof(uint32_t);
          if (kind != IFLA_INET_CONF || settings.size() < kAt + sizeof(uint32_t)) return;
          uint32_t setting = 0;
          std::memcpy(&setting, settings.data() + kAt, sizeof setting);
          on = setting != 0;
        });
      });
    });
  });
  return on;
}

int SetRouteLocalnet(int index, uint32_t setting) {
  const std::string_view bytes(reinterpret_cast<const char*>(&setting), sizeof setting);
  const std::string settings = NetlinkAttribute(IPV4_DEVCONF_ROUTE_LOCALNET, bytes);
  const std::string of_family = NetlinkAttribute(IFLA_INET_CONF | NLA_F_NESTED, settings);
  const std::string families = NetlinkAttribute(AF_INET | NLA_F_NESTED, of_family);
  return NetlinkRequest(RTM_SETLINK, 0)
      .With(LinkHeader(index))
      .Attribute(IFLA_AF_SPEC | NLA_F_NESTED, families)
      .Do();
}

}  // namespace

absl::Status OpenLoopbackWays(const std::vector<IpAddress>& to, std::set<std::string>& ours) {
  absl::Status status;
  for (const IpAddress& address : to) {
    if (address.v6) continue;
    const int index = InterfaceTo(address);
    std::array<char, IF_NAMESIZE> name = {};
    if (index == 0 || ::if_indextoname(index, name.data()) == nullptr) continue;
    if (HasRouteLocalnet(index)) continue;
    if (const int error = SetRouteLocalnet(index, 1); error != 0) {
      status.Update(
          absl::ErrnoToStatus(error, absl::StrCat("setting route_localnet of ", name.data())));
    } else {
      ours.insert(name.data());
    }
  }
  return status;
}

absl::Status CloseLoopbackWays(const std::set<std::string>& ours) {
  absl::Status status;
  for (const std::string& name : ours) {
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) continue;
    const int error = SetRouteLocalnet(static_cast<int>(index), 0);
    if (error == 0 || error == ENODEV) continue;
    status.Update(absl::ErrnoToStatus(error, absl::StrCat("setting route_localnet of ", name)));
  }
  return status;
}

}  // namespace muster::agent
