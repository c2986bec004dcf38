#include "coordinator/limits/peer_network.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "common/base/ip_address.h"

namespace muster::coordinator {
namespace {

constexpr std::string_view kIpv6 = "ipv6:";
constexpr int kNetworkBits = 64;
// ::ffff:1.2.3.4 is IPv4 on a socket of both families.
constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::string PeerNetworkOf(std::string_view peer) {
  const std::string_view without_port = peer.substr(0, peer.rfind(':'));
  const std::string as_it_is(without_port);
  if (without_port.substr(0, kIpv6.size()) != kIpv6) return as_it_is;
  std::string text = absl::StrReplaceAll(
      as_it_is.substr(kIpv6.size()),
      {{"%5B", ""}, {"%5D", ""}, {"%5b", ""}, {"%5d", ""}, {"[", ""}, {"]", ""}});
  // The interface of a link-local address.
  if (const size_t zone = text.find('%'); zone != std::string::npos) text.erase(zone);
  std::optional<IpAddress> address = ParseIp(text);
  if (!address || !address->v6) return as_it_is;
  if (std::equal(std::begin(kMapped), std::end(kMapped), address->bytes.begin())) {
    return "ipv4:" + ToText(*IpFromBytes(address->Bytes().substr(12)));
  }
  std::fill(address->bytes.begin() + kNetworkBits / 8, address->bytes.end(), uint8_t{0});
  return "ipv6:" + ToText(IpRange{*address, kNetworkBits});
}

}  // namespace muster::coordinator
