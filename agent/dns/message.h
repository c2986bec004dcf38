#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/dns/zone.h"

namespace muster::agent {

// DNS messages as they are on the wire, read and written by ldns. Any bytes may come in: what is no
// message is no query, and nothing else happens. Pure.

inline constexpr size_t kDnsUdpBytesMax = 1232;  // Of ours; fits every path without fragments.

struct DnsQuery {
  uint16_t id = 0;
  std::string name;       // Lower case, without the last dot; "" is the root.
  std::string name_wire;  // The question's name as it was asked, to be given back as it was.
  uint16_t type = 0, klass = 1;
  bool recursion_desired = false, checking_disabled = false;
  bool has_edns = false, dnssec_ok = false;
  size_t udp_bytes_max = 512;  // Of the answer, if it goes by UDP.
};

enum class DnsCode {
  kOk = 0,
  kFormat = 1,
  kServerFailure = 2,
  kNoSuchName = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16
};

// What came is a query, or has to be answered by an error (with what could be read of it), or is
// not answered at all: too short for that, or itself an answer.
struct ReadQuery {
  std::optional<DnsQuery> query;
  std::optional<std::string> error_answer;
};
ReadQuery ParseQuery(std::string_view bytes);

// Our own answer, with the domain's SOA where it says no. Cut to nothing but the question (TC) when
// it has more than `bytes_max`.
std::string EncodeAnswer(const DnsQuery& query, const ZoneAnswer& answer, const DnsZone& zone,
                         size_t bytes_max);
std::string EncodeError(const DnsQuery& query, DnsCode code);

// The same about another name; nothing when that is none.
std::optional<DnsQuery> Renamed(const DnsQuery& query, const std::string& name);

// The same question for an upstream server, under another id.
std::string EncodeUpstreamQuery(const DnsQuery& query, uint16_t id);

// What an upstream server's answer comes to.
struct UpstreamAnswer {
  bool truncated = false;
  DnsCode code = DnsCode::kOk;
  uint32_t ttl_seconds = 0;  // It may be kept for so long; 0: not at all.
};
// Nothing unless it answers this very question under this id.
std::optional<UpstreamAnswer> CheckUpstreamAnswer(std::string_view bytes, const DnsQuery& query,
                                                  uint16_t id);

// The upstream's answer as the one to `query`: its id, its spelling of the name, TTLs lowered by
// `age_seconds`, no larger than `bytes_max`, without EDNS when it was asked without. `prefix` are
// records that led there (a CNAME of ours); the question is the query's in any case.
std::string FitUpstreamAnswer(std::string_view bytes, const DnsQuery& query,
                              const std::vector<DnsRecord>& prefix, uint32_t age_seconds,
                              size_t bytes_max);

}  // namespace muster::agent
