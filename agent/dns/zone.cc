#include "agent/dns/zone.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace muster::agent {
namespace {

constexpr char kVersion[] = "1.1.0";
constexpr char kLocal[] = "local";
constexpr int kChainMax = 8;  // CNAMEs that are followed.

bool EndsWithLabels(const std::string& name, const std::string& suffix) {
  if (name.size() < suffix.size()) return false;
  if (name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) return false;
  return name.size() == suffix.size() || name[name.size() - suffix.size() - 1] == '.';
}

std::string Dashed(const IpAddress& address) {
  std::string text = ToText(address);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '.' || c == ':'; }, '-');
  return text;
}

std::string Lower(const std::string& text) { return absl::AsciiStrToLower(text); }

ZoneAnswer NoSuchName() { return {.code = ZoneAnswer::Code::kNoSuchName}; }
ZoneAnswer NothingHere() { return {.code = ZoneAnswer::Code::kOk}; }

bool Asks(RecordType asked, RecordType type) { return asked == type || asked == RecordType::kAny; }

DnsRecord AddressRecord(const std::string& name, const IpAddress& address) {
  return {
      .name = name, .type = address.v6 ? RecordType::kAaaa : RecordType::kA, .address = address};
}

int PortOf(const ServicePlace& place, const std::string& name, const std::string& protocol) {
  for (const network::v1::SlicePort& port : place.slice->ports()) {
    if (port.name() == name && Lower(port.protocol()) == protocol) return port.port();
  }
  return 0;
}

}  // namespace

std::optional<IpAddress> ReverseAddress(const std::string& name) {
  constexpr std::string_view kV4 = ".in-addr.arpa", kV6 = ".ip6.arpa";
  const std::string_view text = name;
  if (text.ends_with(kV4)) {
    std::vector<std::string> labels =
        absl::StrSplit(std::string(text.substr(0, text.size() - kV4.size())), '.');
    if (labels.size() != 4) return std::nullopt;
    std::reverse(labels.begin(), labels.end());
    const std::optional<IpAddress> address = ParseIp(absl::StrJoin(labels, "."));
    return address && !address->v6 ? address : std::nullopt;
  }
  if (!text.ends_with(kV6) || text.size() != 63 + kV6.size()) return std::nullopt;
  IpAddress address{.v6 = true};
  for (int i = 0; i < 32; ++i) {
    const char digit = text[static_cast<size_t>(2 * i)];
    const char* digits = "0123456789abcdef";
    const char* found = std::find(digits, digits + 16, digit);
    if (found == digits + 16 || (i < 31 && text[static_cast<size_t>(2 * i + 1)] != '.')) {
      return std::nullopt;
    }
    const int nibble = 31 - i;  // From the left.
    address.bytes[static_cast<size_t>(nibble / 2)] |=
        static_cast<uint8_t>((found - digits) << (nibble % 2 == 0 ? 4 : 0));
  }
  return address;
}

DnsZone::DnsZone(std::shared_ptr<const ServiceTable> table, std::string domain, std::string node)
    : table_(std::move(table)), domain_(Lower(domain)), node_(Lower(node)) {
  for (const std::string& text : table_->ranges().services()) {
    if (const auto range = ParseIpRange(text)) service_ranges_.push_back(*range);
  }
}

const std::map<IpAddress, std::set<std::string>>& DnsZone::Reverse() const {
  absl::call_once(reverse_once_, [this] {
    for (const auto& [key, service] : table_->services()) {
      for (const std::string& text : service->cluster_ips()) {
        if (const auto address = ParseIp(text)) reverse_[*address].insert(ServiceName(*service));
      }
      if (!service->cluster_ips().empty() || !service->external_name().empty()) continue;
      for (const ServicePlace& place : table_->PlacesOf(service->namespace_(), service->name())) {
        if (place.ready) reverse_[place.address].insert(PlaceName(*service, place));
      }
    }
  });
  return reverse_;
}

std::string DnsZone::ServiceName(const network::v1::Service& service) const {
  return absl::StrCat(service.name(), ".", service.namespace_(), ".svc.", domain_);
}

std::string DnsZone::PlaceName(const network::v1::Service& service,
                               const ServicePlace& place) const {
  const std::string host = place.hostname.empty() ? Dashed(place.address) : Lower(place.hostname);
  return absl::StrCat(host, ".", ServiceName(service));
}

std::vector<ServicePlace> DnsZone::ReadyPlaces(const network::v1::Service& service, uint32_t turn,
                                               bool own_first) const {
  std::vector<ServicePlace> places = table_->PlacesOf(service.namespace_(), service.name());
  std::erase_if(places, [](const ServicePlace& place) { return !place.ready; });
  if (!places.empty()) {
    std::rotate(places.begin(), places.begin() + static_cast<ptrdiff_t>(turn % places.size()),
                places.end());
  }
  if (own_first) {
    std::stable_partition(places.begin(), places.end(),
                          [this](const ServicePlace& place) { return Lower(place.node) == node_; });
  }
  return places;
}

// A CNAME to another name of ours is followed here, as every resolver of pods expects.
ZoneAnswer DnsZone::Answer(const std::string& name, RecordType type, uint32_t turn,
                           bool own_first) const {
  ZoneAnswer answer = AnswerOnce(name, type, turn, own_first);
  int followed = 0;
  while (!answer.elsewhere.empty() && EndsWithLabels(answer.elsewhere, domain_)) {
    const std::string at = std::exchange(answer.elsewhere, "");
    if (++followed > kChainMax) break;  // They go in a circle.
    ZoneAnswer next = AnswerOnce(at, type, turn, own_first);
    std::move(next.answers.begin(), next.answers.end(), std::back_inserter(answer.answers));
    answer.elsewhere = std::move(next.elsewhere);
    answer.code = next.code;
  }
  return answer;
}

ZoneAnswer DnsZone::AnswerOnce(const std::string& name, RecordType type, uint32_t turn,
                               bool own_first) const {
  if (ReverseAddress(name)) return AnswerReverse(name, type);
  if (!EndsWithLabels(name, domain_)) return {};
  if (name == domain_) {
    ZoneAnswer answer = NothingHere();
    if (Asks(type, RecordType::kNs)) {
      answer.answers.push_back(
          {.name = name, .type = RecordType::kNs, .text = absl::StrCat("ns.dns.", domain_)});
    }
    return answer;
  }
  const std::vector<std::string> labels =
      absl::StrSplit(name.substr(0, name.size() - domain_.size() - 1), '.');
  if (labels.size() == 1 && labels[0] == "dns-version") {
    ZoneAnswer answer = NothingHere();
    if (Asks(type, RecordType::kTxt)) {
      answer.answers.push_back({.name = name, .type = RecordType::kTxt, .text = kVersion});
    }
    return answer;
  }
  if (labels.back() != "svc") return NoSuchName();
  if (labels.size() == 1) return NothingHere();
  const std::string& ns = labels[labels.size() - 2];
  if (labels.size() == 2) return table_->HasNamespace(ns) ? NothingHere() : NoSuchName();

  return AnswerService(labels, name, type, turn, own_first);
}

ZoneAnswer DnsZone::AnswerService(const std::vector<std::string>& labels, const std::string& name,
                                  RecordType type, uint32_t turn, bool own_first) const {
  const size_t count = labels.size();
  const network::v1::Service* service = table_->Find(labels[count - 2], labels[count - 3]);
  if (service == nullptr) return NoSuchName();
  ZoneAnswer answer = NothingHere();
  if (!service->external_name().empty()) {
    if (count > 3) return NoSuchName();
    std::string target = Lower(service->external_name());
    if (!target.empty() && target.back() == '.') target.pop_back();
    answer.answers.push_back({.name = name, .type = RecordType::kCname, .text = target});
    if (type != RecordType::kCname && type != RecordType::kAny) answer.elsewhere = target;
    return answer;
  }
  const bool headless = service->cluster_ips().empty();
  if (count == 3) {
    std::vector<IpAddress> addresses;
    if (headless) {
      for (const ServicePlace& place : ReadyPlaces(*service, turn, own_first)) {
        addresses.push_back(place.address);
      }
      if (addresses.empty()) return NoSuchName();  // As the specification has it.
    } else {
      for (const std::string& text : service->cluster_ips()) {
        if (const auto address = ParseIp(text)) addresses.push_back(*address);
      }
    }
    if (type == RecordType::kSrv) {
      return AnswerPorts(*service, "", "", name, type, turn, own_first);
    }
    for (const IpAddress& address : addresses) {
      DnsRecord record = AddressRecord(name, address);
      if (Asks(type, record.type)) answer.answers.push_back(std::move(record));
    }
    return answer;
  }
  if (count == 5 && labels[0].starts_with('_') && labels[1].starts_with('_')) {
    return AnswerPorts(*service, labels[0].substr(1), labels[1].substr(1), name, type, turn,
                       own_first);
  }
  // A node's name may have dots of its own.
  const std::string host = absl::StrJoin(labels.begin(), labels.begin() + (count - 3), ".");
  bool found = false;
  for (const ServicePlace& place : ReadyPlaces(*service, turn, own_first)) {
    const std::string node = Lower(place.node);
    const bool meant = host == kLocal
                           ? node == node_
                           : host == Lower(place.hostname) || host == node ||
                                 host == Lower(place.pod) || host == Dashed(place.address);
    if (!meant) continue;
    found = true;
    DnsRecord record = AddressRecord(name, place.address);
    if (Asks(type, record.type)) answer.answers.push_back(std::move(record));
  }
  if (!found) return NoSuchName();
  return answer;
}

ZoneAnswer DnsZone::AnswerPorts(const network::v1::Service& service, const std::string& port_name,
                                const std::string& protocol, const std::string& name,
                                RecordType type, uint32_t turn, bool own_first) const {
  ZoneAnswer answer = NothingHere();
  bool found = false;
  std::set<std::pair<std::string, IpAddress>> glued;
  const auto add = [&](const std::string& target, const IpAddress& address, int port,
                       uint16_t weight) {
    found = true;
    if (!Asks(type, RecordType::kSrv)) return;
    DnsRecord record{.name = name, .type = RecordType::kSrv, .text = target};
    record.port = static_cast<uint16_t>(port);
    record.weight = weight;
    if (std::find(answer.answers.begin(), answer.answers.end(), record) == answer.answers.end()) {
      answer.answers.push_back(std::move(record));
    }
    if (glued.insert({target, address}).second) {
      answer.additional.push_back(AddressRecord(target, address));
    }
  };
  const std::vector<ServicePlace> places = ReadyPlaces(service, turn, own_first);
  for (const network::v1::Port& port : service.ports()) {
    const std::string its_protocol = Lower(port.protocol());
    if (!protocol.empty() &&
        (port.name().empty() || port.name() != port_name || its_protocol != protocol)) {
      continue;
    }
    for (const std::string& text : service.cluster_ips()) {
      if (const auto address = ParseIp(text)) add(ServiceName(service), *address, port.port(), 100);
    }
    if (!service.cluster_ips().empty()) continue;
    const auto weight =
        static_cast<uint16_t>(places.empty() ? 0 : std::max<size_t>(1, 100 / places.size()));
    for (const ServicePlace& place : places) {
      const int number = PortOf(place, port.name(), its_protocol);
      if (number != 0) add(PlaceName(service, place), place.address, number, weight);
    }
  }
  return found ? answer : NoSuchName();
}

ZoneAnswer DnsZone::AnswerReverse(const std::string& name, RecordType type) const {
  const IpAddress address = *ReverseAddress(name);
  const auto found = Reverse().find(address);
  if (found == Reverse().end()) {
    const bool ours = std::any_of(service_ranges_.begin(), service_ranges_.end(),
                                  [&](const IpRange& range) { return range.Contains(address); });
    return ours ? NoSuchName() : ZoneAnswer{};
  }
  ZoneAnswer answer = NothingHere();
  if (Asks(type, RecordType::kPtr)) {
    for (const std::string& target : found->second) {
      answer.answers.push_back({.name = name, .type = RecordType::kPtr, .text = target});
    }
  }
  return answer;
}

}  // namespace muster::agent
