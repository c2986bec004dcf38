#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/call_once.h"
#include "agent/network/service_table.h"
#include "common/base/ip_address.h"

namespace muster::agent {

// Record types, by their numbers on the wire.
enum class RecordType : uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kTxt = 16,
  kAaaa = 28,
  kSrv = 33,
  kAny = 255,
};

// One record of an answer. Names are absolute, without the last dot.
struct DnsRecord {
  std::string name;
  RecordType type = RecordType::kA;
  IpAddress address;              // Of A and AAAA.
  std::string text;               // Target of NS, CNAME, PTR and SRV, mailbox of none; TXT's text.
  uint16_t port = 0, weight = 0;  // Of SRV.

  bool operator==(const DnsRecord&) const = default;
};

// What the node's name server says by itself.
struct ZoneAnswer {
  enum class Code { kNotOurs, kOk, kNoSuchName };
  Code code = Code::kNotOurs;
  std::vector<DnsRecord> answers;  // kOk without any: the name has none of this type.
  std::vector<DnsRecord> additional;
  // The answer ends in a CNAME to a name that is somebody else's, who has to be asked for it.
  std::string elsewhere;
};

// The names of the fleet's domain as one node sees them, made from one table. Immutable. Beside
// Kubernetes' DNS specification (version 1.1.0):
//   local.SVC.NS.svc.DOMAIN       the places on this node
//   NODE.SVC.NS.svc.DOMAIN        those on that node
//   POD.SVC.NS.svc.DOMAIN         that of the pod, also when it has no hostname of its own
class DnsZone {
 public:
  // `table` is kept. `node` is this one's name, `domain` without dots at its ends.
  DnsZone(std::shared_ptr<const ServiceTable> table, std::string domain, std::string node);

  // `name` in lower case, without the last dot. `turn` rotates addresses and places, so that
  // callers that take the first one are spread over them; with `own_first` this node's own come
  // before.
  ZoneAnswer Answer(const std::string& name, RecordType type, uint32_t turn, bool own_first) const;

  const std::string& domain() const { return domain_; }
  const std::string& node() const { return node_; }

 private:
  ZoneAnswer AnswerOnce(const std::string& name, RecordType type, uint32_t turn,
                        bool own_first) const;
  ZoneAnswer AnswerService(const std::vector<std::string>& labels, const std::string& name,
                           RecordType type, uint32_t turn, bool own_first) const;
  ZoneAnswer AnswerPorts(const network::v1::Service& service, const std::string& port,
                         const std::string& protocol, const std::string& name, RecordType type,
                         uint32_t turn, bool own_first) const;
  ZoneAnswer AnswerReverse(const std::string& name, RecordType type) const;
  std::vector<ServicePlace> ReadyPlaces(const network::v1::Service& service, uint32_t turn,
                                        bool own_first) const;
  std::string ServiceName(const network::v1::Service& service) const;
  std::string PlaceName(const network::v1::Service& service, const ServicePlace& place) const;
  const std::map<IpAddress, std::set<std::string>>& Reverse() const;

  const std::shared_ptr<const ServiceTable> table_;
  const std::string domain_, node_;
  // Made when the first one asks: it is about every place of the fleet, and few ask for it.
  mutable absl::once_flag reverse_once_;
  mutable std::map<IpAddress, std::set<std::string>> reverse_;
  std::vector<IpRange> service_ranges_;
};

// An address from a name below in-addr.arpa or ip6.arpa; nothing for any other name.
std::optional<IpAddress> ReverseAddress(const std::string& name);

}  // namespace muster::agent
