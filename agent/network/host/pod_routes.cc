#include "agent/network/host/pod_routes.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/host/netlink.h"

namespace muster::agent {
namespace {

rtmsg HeaderOf(const PodRoute& route) {
  rtmsg header = {};
  header.rtm_family = route.subnet.base.v6 ? AF_INET6 : AF_INET;
  header.rtm_dst_len = static_cast<uint8_t>(route.subnet.prefix);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = kRouteProtocol;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  return header;
}

int Change(uint16_t type, uint16_t flags, const PodRoute& route) {
  return NetlinkRequest(type, flags)
      .With(HeaderOf(route))
      .Attribute(RTA_DST, route.subnet.base.Bytes())
      .Attribute(RTA_GATEWAY, route.gateway.Bytes())
      .Do();
}

std::string TextOf(const PodRoute& route) {
  return absl::StrCat(ToText(route.subnet), " by way of ", ToText(route.gateway));
}

void Read(const nlmsghdr& message, std::vector<PodRoute>& routes) {
  if (message.nlmsg_type != RTM_NEWROUTE || message.nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) return;
  const auto& header = *static_cast<const rtmsg*>(NLMSG_DATA(&message));
  if (header.rtm_protocol != kRouteProtocol || header.rtm_table != RT_TABLE_MAIN) return;
  std::optional<IpAddress> destination, gateway;
  ForEachAttribute(message, sizeof header, [&](uint16_t type, std::string_view bytes) {
    if (type == RTA_DST) destination = IpFromBytes(bytes);
    if (type == RTA_GATEWAY) gateway = IpFromBytes(bytes);
  });
  if (destination && gateway) routes.push_back({{*destination, header.rtm_dst_len}, *gateway});
}

}  // namespace

absl::StatusOr<std::vector<PodRoute>> OwnRoutes() {
  std::vector<PodRoute> routes;
  for (const int family : {AF_INET, AF_INET6}) {
    rtmsg header = {};
    header.rtm_family = static_cast<uint8_t>(family);
    header.rtm_protocol = kRouteProtocol;
    const int error =
        NetlinkRequest(RTM_GETROUTE, 0).With(header).List([&routes](const nlmsghdr& message) {
          Read(message, routes);
        });
    // A kernel without IPv6.
    if (error != 0 && error != EAFNOSUPPORT && error != EOPNOTSUPP) {
      return absl::ErrnoToStatus(error, "listing routes");
    }
  }
  return routes;
}

absl::Status AddRoute(const PodRoute& route) {
  const int error = Change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  if (error == 0) return absl::OkStatus();
  const std::string what = absl::StrCat("route to ", TextOf(route));
  if (error == ENETUNREACH || error == EHOSTUNREACH || error == EINVAL) {
    return absl::UnavailableError(
        absl::StrCat(what, ": the node is on no network that this host is on"));
  }
  if (error == EEXIST) {
    return absl::AlreadyExistsError(absl::StrCat(what, ": there is another route to there"));
  }
  return absl::ErrnoToStatus(error, what);
}

absl::Status RemoveRoute(const PodRoute& route) {
  const int error = Change(RTM_DELROUTE, 0, route);
  if (error == 0 || error == ESRCH) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("removing the route to ", TextOf(route)));
}

}  // namespace muster::agent
