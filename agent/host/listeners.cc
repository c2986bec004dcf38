#include "agent/host/listeners.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <optional>
#include <string_view>

#include "agent/host/netlink.h"
#include "common/base/ip_address.h"

namespace muster::agent {
namespace {

struct Listener {
  IpAddress address;
  bool only_v6 = true;  // Of an IPv6 one on every address: IPv4 clients do not reach it.
};

bool IsEvery(const IpAddress& address) { return address == IpAddress{.v6 = address.v6}; }

bool Overlaps(const std::optional<IpAddress>& wanted, const Listener& there) {
  if (!wanted) return true;
  if (wanted->v6 != there.address.v6) {
    return there.address.v6 ? IsEvery(there.address) && !there.only_v6 : false;
  }
  return *wanted == there.address || IsEvery(*wanted) || IsEvery(there.address);
}

}  // namespace

bool IsListening(const std::string& protocol, const std::string& ip, uint16_t port) {
  if (protocol != "TCP" && protocol != "UDP") return false;
  const bool tcp = protocol == "TCP";
  const std::optional<IpAddress> wanted = ParseIp(ip);
  bool found = false;
  for (const bool v6 : {false, true}) {
    inet_diag_req_v2 request = {};
    request.sdiag_family = v6 ? AF_INET6 : AF_INET;
    request.sdiag_protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    // A UDP socket without a peer is closed, in the words of TCP.
    request.idiag_states = 1u << (tcp ? TCP_LISTEN : TCP_CLOSE);
    request.id.idiag_sport = htons(port);
    (void)NetlinkRequest(SOCK_DIAG_BY_FAMILY, 0, NETLINK_SOCK_DIAG)
        .With(request)
        .List([&](const nlmsghdr& message) {
          if (message.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return;
          const auto& socket = *static_cast<const inet_diag_msg*>(NLMSG_DATA(&message));
          if (socket.id.idiag_sport != htons(port)) return;
          const auto* bytes = reinterpret_cast<const char*>(socket.id.idiag_src);
          const auto address = IpFromBytes(std::string_view(bytes, v6 ? 16 : 4));
          if (!address) return;
          Listener there{*address, true};
          ForEachAttribute(message, sizeof(inet_diag_msg),
                           [&there](uint16_t type, std::string_view value) {
                             if (type == INET_DIAG_SKV6ONLY) there.only_v6 = value[0] != 0;
                           });
          found = found || Overlaps(wanted, there);
        });
  }
  return found;
}

}  // namespace muster::agent
