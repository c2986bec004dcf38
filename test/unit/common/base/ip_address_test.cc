#include "common/base/ip_address.h"

#include <string>

#include "gtest/gtest.h"

namespace muster {
namespace {

TEST(IpAddress, TextsThereAndBack) {
  const struct {
    const char* text;
    const char* shown;  // Null: no address.
  } rows[] = {
      {"10.1.2.3", "10.1.2.3"},
      {"0.0.0.0", "0.0.0.0"},
      {"fd00::1", "fd00::1"},
      {"FD00:0:0::01", "fd00::1"},
      {"::", "::"},
      {"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
      {"10.1.2", nullptr},
      {"10.1.2.256", nullptr},
      {"010.1.2.3", nullptr},
      {"10.1.2.3/32", nullptr},
      {"fe80::1%eth0", nullptr},
      {"", nullptr},
      {"node-1", nullptr},
  };
  for (const auto& row : rows) {
    const std::optional<IpAddress> address = ParseIp(row.text);
    ASSERT_EQ(address.has_value(), row.shown != nullptr) << row.text;
    if (!address) continue;
    EXPECT_EQ(ToText(*address), row.shown);
    EXPECT_EQ(IpFromBytes(address->Bytes()), address) << row.text;
  }
  EXPECT_FALSE(IpFromBytes("abc"));
  EXPECT_FALSE(IpFromBytes(""));
  EXPECT_LT(*ParseIp("255.255.255.255"), *ParseIp("::"));
}

TEST(IpRange, WhatIsOne) {
  const struct {
    const char* text;
    const char* shown;
  } rows[] = {
      {"10.96.0.0/12", "10.96.0.0/12"},
      {"10.111.1.1/12", "10.96.0.0/12"},
      {"10.1.2.3/32", "10.1.2.3/32"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"fd00::1/64", "fd00::/64"},
      {"10.0.0.0/33", nullptr},
      {"10.0.0.0/-1", nullptr},
      {"10.0.0.0/", nullptr},
      {"10.0.0.0", nullptr},
      {"fd00::/129", nullptr},
      {"10.0.0.0/8x", nullptr},
      {"x/8", nullptr},
  };
  for (const auto& row : rows) {
    const std::optional<IpRange> range = ParseIpRange(row.text);
    ASSERT_EQ(range.has_value(), row.shown != nullptr) << row.text;
    if (range) {
      EXPECT_EQ(ToText(*range), row.shown);
    }
  }
}

TEST(IpRange, WhatIsInIt) {
  const IpRange range = *ParseIpRange("10.96.0.0/12");
  EXPECT_TRUE(range.Contains(*ParseIp("10.96.0.0")));
  EXPECT_TRUE(range.Contains(*ParseIp("10.111.255.255")));
  EXPECT_FALSE(range.Contains(*ParseIp("10.112.0.0")));
  EXPECT_FALSE(range.Contains(*ParseIp("10.95.255.255")));
  EXPECT_FALSE(range.Contains(*ParseIp("::")));
  EXPECT_EQ(range.size(), uint64_t{1} << 20);
  EXPECT_EQ(ToText(range.At(1)), "10.96.0.1");
  EXPECT_EQ(ToText(range.At(256)), "10.96.1.0");
  EXPECT_EQ(ToText(range.At(range.size() - 1)), "10.111.255.255");
  EXPECT_EQ(ParseIpRange("fd00::/32")->size(), uint64_t{1} << 62);
  EXPECT_EQ(ToText(ParseIpRange("fd00::/64")->At(0x123456789)), "fd00::1:2345:6789");
}

TEST(IpRange, ItsSubnets) {
  const IpRange range = *ParseIpRange("10.42.0.0/16");
  EXPECT_EQ(range.SubnetCount(24), 256u);
  EXPECT_EQ(range.SubnetCount(15), 0u);
  EXPECT_EQ(range.SubnetCount(33), 0u);
  EXPECT_EQ(ToText(range.Subnet(24, 0)), "10.42.0.0/24");
  EXPECT_EQ(ToText(range.Subnet(24, 255)), "10.42.255.0/24");
  EXPECT_EQ(ToText(range.Subnet(23, 3)), "10.42.6.0/23");
  EXPECT_EQ(ToText(ParseIpRange("10.32.0.0/11")->Subnet(20, 257)), "10.48.16.0/20");
  EXPECT_EQ(ToText(ParseIpRange("fd00:1::/48")->Subnet(64, 0x1234)), "fd00:1:0:1234::/64");
}

}  // namespace
}  // namespace muster
