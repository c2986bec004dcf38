#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster {

// An IPv4 or IPv6 address without a scope. A plain value; IPv4 sorts before IPv6.
struct IpAddress {
  bool v6 = false;
  std::array<uint8_t, 16> bytes{};  // In network order; of IPv4 the first four.

  auto operator<=>(const IpAddress&) const = default;
  size_t size() const { return v6 ? 16 : 4; }
  // Its 4 or 16 bytes.
  std::string Bytes() const { return {reinterpret_cast<const char*>(bytes.data()), size()}; }
};

// Nothing for what is no address, with a scope or a prefix for instance.
std::optional<IpAddress> ParseIp(std::string_view text);
// From 4 or 16 bytes in network order.
std::optional<IpAddress> IpFromBytes(std::string_view bytes);
// The shortest form (RFC 5952 for IPv6).
std::string ToText(const IpAddress& address);
inline const char* FamilyName(bool v6) { return v6 ? "IPv6" : "IPv4"; }

// All addresses that share the first `prefix` bits. The bits after it are zero.
struct IpRange {
  IpAddress base;
  int prefix = 0;

  bool operator==(const IpRange&) const = default;
  bool Contains(const IpAddress& address) const;
  // How many addresses it has; 2^62 when these are more.
  uint64_t size() const;
  // The base and `index` more; wraps nowhere as long as index < size().
  IpAddress At(uint64_t index) const;
  // The subnet of `new_prefix` bits with this number, counted from 0.
  IpRange Subnet(int new_prefix, uint64_t index) const;
  // So many subnets of `new_prefix` bits; 0 when that is shorter than the prefix, 2^62 at most.
  uint64_t SubnetCount(int new_prefix) const;
};

// "10.0.0.0/16", "fd00::/108". Bits after the prefix are dropped.
std::optional<IpRange> ParseIpRange(std::string_view text);
std::string ToText(const IpRange& range);

}  // namespace muster
