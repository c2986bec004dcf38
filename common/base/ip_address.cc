#include "common/base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace muster {
namespace {

constexpr int kCountBitsMax = 62;

int BitsOf(const IpAddress& address) { return address.v6 ? 128 : 32; }

// Adds `value`, whose lowest bit stands at bit `at` (counted from the left, of 0), to the address.
void AddAt(IpAddress& address, int at, uint64_t value) {
  for (int bit = at; value != 0 && bit >= 0;) {
    const int byte = bit / 8;
    const int shift = 7 - bit % 8;
    const uint64_t sum = address.bytes[byte] + ((value << shift) & 0xff);
    address.bytes[byte] = static_cast<uint8_t>(sum);
    value = (value >> (8 - shift)) + (sum >> 8);
    bit = byte * 8 - 1;
  }
}

}  // namespace

std::optional<IpAddress> ParseIp(std::string_view text) {
  const std::string copy(text);
  IpAddress address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  address = {.v6 = true};
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> IpFromBytes(std::string_view bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  IpAddress address{.v6 = bytes.size() == 16};
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

std::string ToText(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
}

bool IpRange::Contains(const IpAddress& address) const {
  if (address.v6 != base.v6) return false;
  for (int bit = 0; bit < prefix; bit += 8) {
    const int bits = std::min(8, prefix - bit);
    const auto mask = static_cast<uint8_t>(0xff << (8 - bits));
    if (((address.bytes[bit / 8] ^ base.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

uint64_t IpRange::size() const { return SubnetCount(BitsOf(base)); }

IpAddress IpRange::At(uint64_t index) const { return Subnet(BitsOf(base), index).base; }

IpRange IpRange::Subnet(int new_prefix, uint64_t index) const {
  IpRange subnet{base, new_prefix};
  AddAt(subnet.base, new_prefix - 1, index);
  return subnet;
}

uint64_t IpRange::SubnetCount(int new_prefix) const {
  if (new_prefix < prefix || new_prefix > BitsOf(base)) return 0;
  return uint64_t{1} << std::min(new_prefix - prefix, kCountBitsMax);
}

std::optional<IpRange> ParseIpRange(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<IpAddress> address = ParseIp(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  int prefix = 0;
  const bool is_number =
      !digits.empty() && digits.size() <= 3 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!address || !is_number || !absl::SimpleAtoi(std::string(digits), &prefix) ||
      prefix > BitsOf(*address)) {
    return std::nullopt;
  }
  IpRange range{*address, prefix};
  for (int bit = prefix; bit < BitsOf(*address); ++bit) {
    range.base.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> (bit % 8)));
  }
  return range;
}

std::string ToText(const IpRange& range) {
  return absl::StrCat(ToText(range.base), "/", range.prefix);
}

}  // namespace muster
