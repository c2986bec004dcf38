#include "agent/doctor/firewall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "" when nothing is in the way.
std::string Found(const std::string& tables) {
  const auto block = FindForwardBlock(tables, "muster0", "eth0");
  return block ? block->family + " " + block->table + " " + block->chain : "";
}

// A chain for what is forwarded, with this policy and these rules, and others beside it.
std::string Forward(const std::string& policy, const std::string& rules,
                    const std::string& others = "") {
  return "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; "
         "policy " +
         policy + ";\n" + rules + "\t}\n" + others + "}\n";
}

// As nftables 1.0.6 prints what Docker 20.10 makes by iptables-nft.
constexpr char kDocker[] = R"(# Warning: table ip filter is managed by iptables-nft, do not touch!
table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy drop;
	}

	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		counter packets 0 bytes 0 jump DOCKER-USER
		counter packets 0 bytes 0 jump DOCKER-ISOLATION-STAGE-1
		oifname "docker0" ct state related,established counter packets 0 bytes 0 accept
		oifname "docker0" counter packets 0 bytes 0 jump DOCKER
		iifname "docker0" oifname != "docker0" counter packets 0 bytes 0 accept
		iifname "docker0" oifname "docker0" counter packets 0 bytes 0 accept
	}

	chain DOCKER {
	}

	chain DOCKER-ISOLATION-STAGE-1 {
		iifname "docker0" oifname != "docker0" counter packets 0 bytes 0 jump DOCKER-ISOLATION-STAGE-2
		counter packets 0 bytes 0 return
	}

	chain DOCKER-ISOLATION-STAGE-2 {
		oifname "docker0" counter packets 0 bytes 0 drop
		counter packets 0 bytes 0 return
	}

	chain DOCKER-USER {
)";

TEST(FindForwardBlock, WhatDockerLeavesBehind) {
  const std::string end = "\t\tcounter packets 0 bytes 0 return\n\t}\n}\n";
  EXPECT_EQ(Found(kDocker + end), "ip filter FORWARD");
  const std::string in = "\t\tiifname \"muster0\" counter packets 3 bytes 9 accept\n";
  const std::string out = "\t\toifname \"muster0\" counter packets 3 bytes 9 accept\n";
  EXPECT_EQ(Found(kDocker + in + out + end), "");
  EXPECT_EQ(Found(kDocker + in + end), "ip filter FORWARD") << "nobody gets in";
  EXPECT_EQ(Found(kDocker + out + end), "ip filter FORWARD") << "nobody gets out";
}

TEST(FindForwardBlock, ByTheRulesOfAChain) {
  const struct {
    const char* what;
    std::string tables, found;
  } rows[] = {
      {"no table", "", ""},
      {"all may pass", Forward("accept", ""), ""},
      {"nothing may", Forward("drop", ""), "ip filter FORWARD"},
      {"nothing, by a rule", Forward("accept", "\t\treject with icmpx admin-prohibited\n"),
       "ip filter FORWARD"},
      {"only what is connected", Forward("drop", "\t\tct state { established, related } accept\n"),
       "ip filter FORWARD"},
      {"that by a map",
       Forward("drop", "\t\tct state vmap { invalid : drop, established : accept }\n"),
       "ip filter FORWARD"},
      {"only what was led elsewhere", Forward("drop", "\t\tct status dnat accept\n"),
       "ip filter FORWARD"},
      {"new ones, too", Forward("drop", "\t\tct state new,established accept\n"), ""},
      {"some addresses, who knows which", Forward("drop", "\t\tip saddr 10.0.0.0/8 accept\n"), ""},
      {"some are dropped, who knows which", Forward("accept", "\t\tip saddr 10.0.0.0/8 drop\n"),
       ""},
      {"ours is", Forward("accept", "\t\tiifname { \"a\", \"muster0\" } drop\n"),
       "ip filter FORWARD"},
      {"others are", Forward("accept", "\t\tiifname { \"a\", \"b\" } drop\n"), ""},
      {"all but another one are", Forward("accept", "\t\tiifname != \"a\" drop\n"),
       "ip filter FORWARD"},
      {"a family of names",
       Forward("drop",
               "\t\tiifname \"mus*\" accept\n"
               "\t\toifname \"mus*\" accept\n"),
       ""},
      {"by way of another chain",
       Forward("accept", "\t\tjump more\n", "\tchain more {\n\t\tdrop\n\t}\n"),
       "ip filter FORWARD"},
      {"which comes back",
       Forward("drop", "\t\tgoto more\n", "\tchain more {\n\t\treturn\n\t\taccept\n\t}\n"),
       "ip filter FORWARD"},
      {"a chain in a circle",
       Forward("drop", "\t\tjump more\n", "\tchain more {\n\t\tjump more\n\t}\n"), ""},
      {"words for people only",
       Forward("drop",
               "\t\tcounter packets 1 bytes 2 comment \"we "
               "accept\"\n"),
       "ip filter FORWARD"},
      {"what comes in is another matter",
       "table inet f {\n\tchain in {\n\t\ttype filter hook input priority 0; policy "
       "drop;\n\t}\n}\n",
       ""},
      {"between ports of a bridge, too",
       "table bridge f {\n\tchain x {\n\t\ttype filter hook forward priority 0; policy drop;\n\t}\n"
       "}\n",
       ""},
      {"our own table",
       "table inet muster {\n\tchain forward {\n\t\ttype filter hook forward priority mangle; "
       "policy accept;\n\t\tct state new jump closed\n\t}\n\tchain closed {\n\t\tip daddr . meta "
       "l4proto . th dport vmap @closed4\n\t}\n}\n",
       ""},
  };
  for (const auto& row : rows) EXPECT_EQ(Found(row.tables), row.found) << row.what;
}

TEST(ForwardingTables, OnlyThoseWithSuchAChain) {
  EXPECT_THAT(
      ForwardingTables("table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward "
                       "priority filter; policy accept;\n\t}\n}\ntable inet big {\n\tchain x "
                       "{\n\t}\n}\n"),
      ElementsAre("ip filter"));
}

TEST(FindForwardBlock, EveryFirewallHasItsRemedy) {
  EXPECT_THAT(RemedyFor({"ip", "filter", "FORWARD"}, "muster0"),
              HasSubstr("iptables -I FORWARD -i muster0 -j ACCEPT"));
  EXPECT_THAT(RemedyFor({"ip6", "filter", "FORWARD"}, "muster0"), HasSubstr("ip6tables"));
  EXPECT_THAT(RemedyFor({"inet", "firewalld", "filter_FORWARD"}, "muster0"),
              HasSubstr("firewall-cmd"));
  EXPECT_THAT(RemedyFor({"inet", "filter", "forward"}, "muster0"),
              HasSubstr("nft insert rule inet filter forward iifname muster0 accept"));
}

}  // namespace
}  // namespace muster::agent
