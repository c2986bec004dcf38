#include "agent/network/host/conntrack.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "agent/host/netlink.h"

namespace muster::agent {
namespace {

constexpr uint16_t TypeOf(int message) {
  return static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
}

nfgenmsg Header(bool v6) {
  nfgenmsg header = {};
  header.nfgen_family = v6 ? AF_INET6 : AF_INET;
  header.version = NFNETLINK_V0;
  return header;
}

// One direction of a flow.
struct Tuple {
  std::optional<IpAddress> from, to;
  int from_port = 0, to_port = 0;
  int protocol = 0;
};

int PortIn(std::string_view bytes) {
  uint16_t port = 0;
  if (bytes.size() == sizeof port) std::memcpy(&port, bytes.data(), sizeof port);
  return ntohs(port);
}

Tuple ReadTuple(std::string_view bytes) {
  Tuple tuple;
  ForEachNested(bytes, [&tuple](uint16_t part, std::string_view inside) {
    ForEachNested(inside, [&tuple, part](uint16_t type, std::string_view value) {
      if (part == CTA_TUPLE_IP) {
        if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC) tuple.from = IpFromBytes(value);
        if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) tuple.to = IpFromBytes(value);
      } else if (part == CTA_TUPLE_PROTO) {
        if (type == CTA_PROTO_NUM && !value.empty()) tuple.protocol = value[0];
        if (type == CTA_PROTO_SRC_PORT) tuple.from_port = PortIn(value);
        if (type == CTA_PROTO_DST_PORT) tuple.to_port = PortIn(value);
      }
    });
  });
  return tuple;
}

// An entry of the kernel's, and the attributes by which it is named to the kernel.
struct Entry {
  UdpFlow flow;
  std::string original, id, zone;
};

std::optional<Entry> ReadEntry(const nlmsghdr& message) {
  Entry entry;
  Tuple asked, answered;
  ForEachAttribute(message, sizeof(nfgenmsg), [&](uint16_t type, std::string_view value) {
    switch (type & NLA_TYPE_MASK) {
      case CTA_TUPLE_ORIG:
        asked = ReadTuple(value);
        entry.original = value;
        break;
      case CTA_TUPLE_REPLY:
        answered = ReadTuple(value);
        break;
      case CTA_ID:
        entry.id = value;
        break;
      case CTA_ZONE:
        entry.zone = value;
        break;
      default:
        break;
    }
  });
  if (asked.protocol != IPPROTO_UDP || !asked.to || !answered.from) return std::nullopt;
  entry.flow = {{*asked.to, asked.to_port}, {*answered.from, answered.from_port}};
  return entry;
}

}  // namespace

absl::StatusOr<int> ForgetUdpFlows(const std::function<bool(const UdpFlow&)>& stale) {
  int forgotten = 0;
  for (const bool v6 : {false, true}) {
    std::vector<Entry> entries;
    int error = NetlinkRequest(TypeOf(IPCTNL_MSG_CT_GET), 0, NETLINK_NETFILTER)
                    .With(Header(v6))
                    .List([&](const nlmsghdr& message) {
                      std::optional<Entry> entry = ReadEntry(message);
                      if (entry && stale(entry->flow)) entries.push_back(*std::move(entry));
                    });
    if (error != 0) return absl::ErrnoToStatus(error, "listing flows");
    for (const Entry& entry : entries) {
      NetlinkRequest request(TypeOf(IPCTNL_MSG_CT_DELETE), 0, NETLINK_NETFILTER);
      request.With(Header(v6)).Attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, entry.original);
      if (!entry.zone.empty()) request.Attribute(CTA_ZONE, entry.zone);
      if (!entry.id.empty()) request.Attribute(CTA_ID, entry.id);
      error = request.Do();
      if (error == 0) ++forgotten;
      if (error != 0 && error != ENOENT) return absl::ErrnoToStatus(error, "forgetting a flow");
    }
  }
  return forgotten;
}

std::set<IpAddress> AddressesHere() {
  std::set<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  const absl::Cleanup free_list = [list] { ::freeifaddrs(list); };
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    std::string_view bytes;
    if (each->ifa_addr->sa_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
      bytes = {reinterpret_cast<const char*>(&v4->sin_addr), sizeof v4->sin_addr};
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
      bytes = {reinterpret_cast<const char*>(&v6->sin6_addr), sizeof v6->sin6_addr};
    }
    if (const auto address = IpFromBytes(bytes)) addresses.insert(*address);
  }
  return addresses;
}

}  // namespace muster::agent
