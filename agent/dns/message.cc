#include "agent/dns/message.h"

#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

constexpr uint32_t kTtlSeconds = 5;  // Of what changes when a pod does.
constexpr uint32_t kTtlMaxSeconds = 3600, kNegativeTtlMaxSeconds = 300;
constexpr size_t kHeaderBytes = 12;
constexpr size_t kUdpBytesLeast = 512;
constexpr size_t kNameBytesMax = 255;

struct FreePacket {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

Packet Decode(std::string_view bytes) {
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) !=
      LDNS_STATUS_OK) {
    return nullptr;
  }
  return Packet(packet);
}

std::string Encode(const ldns_pkt* packet) {
  uint8_t* bytes = nullptr;
  size_t size = 0;
  std::string text;
  if (ldns_pkt2wire(&bytes, packet, &size) == LDNS_STATUS_OK) {
    text.assign(reinterpret_cast<const char*>(bytes), size);
  }
  std::free(bytes);  // NOLINT: ldns allocates with malloc.
  return text;
}

ldns_rdf* NameFromWire(std::string_view wire) {
  return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, wire.size(), wire.data());
}

// Names of ours are made of checked labels; nothing for one that fits no message.
ldns_rdf* NameFromText(const std::string& name) {
  std::string wire;
  size_t start = 0;
  while (start < name.size()) {
    const size_t dot = std::min(name.find('.', start), name.size());
    const size_t length = dot - start;
    if (length == 0 || length > 63) return nullptr;
    wire.push_back(static_cast<char>(length));
    wire.append(name, start, length);
    start = dot + 1;
  }
  wire.push_back('\0');
  return wire.size() > kNameBytesMax ? nullptr : NameFromWire(wire);
}

// Lower case, with dots between labels. Bytes that could be taken for dots make it a name that
// nobody has.
std::string NameText(std::string_view wire) {
  std::string text;
  size_t at = 0;
  while (at < wire.size() && wire[at] != 0) {
    const size_t length = static_cast<uint8_t>(wire[at]);
    if (at + 1 + length > wire.size()) break;
    if (!text.empty()) text.push_back('.');
    for (const char c : wire.substr(at + 1, length)) {
      text.push_back(c == '.' ? '\0' : absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
    at += 1 + length;
  }
  return text;
}

std::string_view WireOf(const ldns_rdf* name) {
  return {reinterpret_cast<const char*>(ldns_rdf_data(name)), ldns_rdf_size(name)};
}

// Adds a record to a section; what cannot be written is left out.
void Push(ldns_pkt* packet, ldns_pkt_section section, const DnsRecord& record, uint32_t ttl) {
  ldns_rdf* owner = NameFromText(record.name);
  if (owner == nullptr) return;
  ldns_rr* rr = ldns_rr_new();
  ldns_rr_set_owner(rr, owner);
  ldns_rr_set_type(rr, static_cast<ldns_rr_type>(record.type));
  ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(rr, ttl);
  bool complete = true;
  const auto push = [&](ldns_rdf* data) {
    if (data == nullptr || !ldns_rr_push_rdf(rr, data)) complete = false;
  };
  switch (record.type) {
    case RecordType::kA:
    case RecordType::kAaaa:
      push(ldns_rdf_new_frm_data(record.address.v6 ? LDNS_RDF_TYPE_AAAA : LDNS_RDF_TYPE_A,
                                 record.address.size(), record.address.bytes.data()));
      break;
    case RecordType::kSrv:
      push(ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, 0));
      push(ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, record.weight));
      push(ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, record.port));
      push(NameFromText(record.text));
      break;
    case RecordType::kTxt: {
      const std::string data =
          absl::StrCat(std::string(1, static_cast<char>(std::min<size_t>(record.text.size(), 255))),
                       record.text.substr(0, 255));
      push(ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, data.size(), data.data()));
      break;
    }
    default:
      push(NameFromText(record.text));
  }
  if (!complete || !ldns_pkt_push_rr(packet, section, rr)) ldns_rr_free(rr);
}

void PushSoa(ldns_pkt* packet, const DnsZone& zone) {
  ldns_rdf* owner = NameFromText(zone.domain());
  if (owner == nullptr) return;
  ldns_rr* rr = ldns_rr_new();
  ldns_rr_set_owner(rr, owner);
  ldns_rr_set_type(rr, LDNS_RR_TYPE_SOA);
  ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(rr, kTtlSeconds);
  bool complete = true;
  for (const char* label : {"ns.dns.", "hostmaster."}) {
    ldns_rdf* name = NameFromText(absl::StrCat(label, zone.domain()));
    if (name == nullptr || !ldns_rr_push_rdf(rr, name)) complete = false;
  }
  // Serial, refresh, retry, expire, and how long a no may be kept.
  for (const uint32_t number : {1u, 7200u, 1800u, 86400u, kTtlSeconds}) {
    if (!ldns_rr_push_rdf(rr, ldns_native2rdf_int32(LDNS_RDF_TYPE_INT32, number))) complete = false;
  }
  if (!complete || !ldns_pkt_push_rr(packet, LDNS_SECTION_AUTHORITY, rr)) ldns_rr_free(rr);
}

void PushQuestion(ldns_pkt* packet, const DnsQuery& query) {
  ldns_rr* question = ldns_rr_new();
  ldns_rr_set_question(question, true);
  ldns_rr_set_owner(question, NameFromWire(query.name_wire));
  ldns_rr_set_type(question, static_cast<ldns_rr_type>(query.type));
  ldns_rr_set_class(question, static_cast<ldns_rr_class>(query.klass));
  if (!ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, question)) ldns_rr_free(question);
}

void SetEdns(ldns_pkt* packet, bool dnssec_ok) {
  ldns_pkt_set_edns_udp_size(packet, kDnsUdpBytesMax);
  ldns_pkt_set_edns_do(packet, dnssec_ok);
}

Packet NewAnswer(const DnsQuery& query, DnsCode code) {
  Packet packet(ldns_pkt_new());
  ldns_pkt_set_id(packet.get(), query.id);
  ldns_pkt_set_qr(packet.get(), true);
  ldns_pkt_set_rd(packet.get(), query.recursion_desired);
  ldns_pkt_set_cd(packet.get(), query.checking_disabled);
  ldns_pkt_set_ra(packet.get(), true);
  ldns_pkt_set_rcode(packet.get(), static_cast<ldns_pkt_rcode>(static_cast<int>(code) & 0xf));
  PushQuestion(packet.get(), query);
  if (query.has_edns) {
    SetEdns(packet.get(), query.dnssec_ok);
    ldns_pkt_set_edns_extended_rcode(packet.get(),
                                     static_cast<uint8_t>(static_cast<int>(code) >> 4));
  }
  return packet;
}

std::string CutOff(const DnsQuery& query, DnsCode code, bool authoritative) {
  const Packet packet = NewAnswer(query, code);
  ldns_pkt_set_tc(packet.get(), true);
  ldns_pkt_set_aa(packet.get(), authoritative);
  return Encode(packet.get());
}

// An error that repeats nothing but the id: the rest could not be read.
std::string BareError(std::string_view bytes, DnsCode code) {
  std::string answer(kHeaderBytes, '\0');
  answer[0] = bytes[0];
  answer[1] = bytes[1];
  answer[2] = static_cast<char>(0x80 | (static_cast<uint8_t>(bytes[2]) & 0x79));  // Opcode and RD.
  answer[3] = static_cast<char>(code);
  return answer;
}

uint32_t LeastTtl(const ldns_rr_list* list, uint32_t least) {
  for (size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    least = std::min(least, ldns_rr_ttl(ldns_rr_list_rr(list, i)));
  }
  return least;
}

// RFC 2308: as long as the SOA says, and without one not at all.
uint32_t NegativeTtl(const ldns_pkt* packet) {
  const ldns_rr_list* authority = ldns_pkt_authority(packet);
  for (size_t i = 0; i < ldns_rr_list_rr_count(authority); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(authority, i);
    if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(rr) < 7) continue;
    const ldns_rdf* minimum = ldns_rr_rdf(rr, 6);
    if (ldns_rdf_size(minimum) != 4) continue;
    return std::min({ldns_rr_ttl(rr), ldns_rdf2native_int32(minimum), kNegativeTtlMaxSeconds});
  }
  return 0;
}

void LowerTtls(ldns_rr_list* list, uint32_t seconds) {
  for (size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    ldns_rr* rr = ldns_rr_list_rr(list, i);
    ldns_rr_set_ttl(rr, ldns_rr_ttl(rr) - std::min(ldns_rr_ttl(rr), seconds));
  }
}

}  // namespace

ReadQuery ParseQuery(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || (static_cast<uint8_t>(bytes[2]) & 0x80) != 0) return {};
  if ((static_cast<uint8_t>(bytes[2]) & 0x78) != 0) {
    return {.error_answer = BareError(bytes, DnsCode::kNotImplemented)};
  }
  const Packet packet = Decode(bytes);
  const ldns_rr_list* questions = packet ? ldns_pkt_question(packet.get()) : nullptr;
  if (questions == nullptr || ldns_rr_list_rr_count(questions) != 1) {
    return {.error_answer = BareError(bytes, DnsCode::kFormat)};
  }
  const ldns_rr* question = ldns_rr_list_rr(questions, 0);
  DnsQuery query;
  query.id = ldns_pkt_id(packet.get());
  query.name_wire = WireOf(ldns_rr_owner(question));
  query.name = NameText(query.name_wire);
  query.type = static_cast<uint16_t>(ldns_rr_get_type(question));
  query.klass = static_cast<uint16_t>(ldns_rr_get_class(question));
  query.recursion_desired = ldns_pkt_rd(packet.get());
  query.checking_disabled = ldns_pkt_cd(packet.get());
  query.has_edns = ldns_pkt_edns(packet.get());
  if (query.has_edns) {
    query.dnssec_ok = ldns_pkt_edns_do(packet.get());
    query.udp_bytes_max =
        std::clamp<size_t>(ldns_pkt_edns_udp_size(packet.get()), kUdpBytesLeast, kDnsUdpBytesMax);
    if (ldns_pkt_edns_version(packet.get()) != 0) {
      return {.error_answer = EncodeError(query, DnsCode::kBadVersion)};
    }
  }
  return {.query = std::move(query)};
}

std::optional<DnsQuery> Renamed(const DnsQuery& query, const std::string& name) {
  ldns_rdf* wire = NameFromText(name);
  if (wire == nullptr) return std::nullopt;
  DnsQuery renamed = query;
  renamed.name = name;
  renamed.name_wire = std::string(WireOf(wire));
  ldns_rdf_deep_free(wire);
  return renamed;
}

std::string EncodeError(const DnsQuery& query, DnsCode code) {
  return Encode(NewAnswer(query, code).get());
}

std::string EncodeAnswer(const DnsQuery& query, const ZoneAnswer& answer, const DnsZone& zone,
                         size_t bytes_max) {
  const bool none = answer.code == ZoneAnswer::Code::kNoSuchName;
  const DnsCode code = none ? DnsCode::kNoSuchName : DnsCode::kOk;
  const Packet packet = NewAnswer(query, code);
  ldns_pkt_set_aa(packet.get(), true);
  for (const DnsRecord& record : answer.answers) {
    Push(packet.get(), LDNS_SECTION_ANSWER, record, kTtlSeconds);
  }
  if (none || answer.answers.empty()) PushSoa(packet.get(), zone);
  std::string bare = answer.additional.empty() ? "" : Encode(packet.get());
  for (const DnsRecord& record : answer.additional) {
    Push(packet.get(), LDNS_SECTION_ADDITIONAL, record, kTtlSeconds);
  }
  std::string bytes = Encode(packet.get());
  if (bytes.size() <= bytes_max) return bytes;
  // Additional records are a favour.
  if (!bare.empty() && bare.size() <= bytes_max) return bare;
  return CutOff(query, code, true);
}

std::string EncodeUpstreamQuery(const DnsQuery& query, uint16_t id) {
  const Packet packet(ldns_pkt_new());
  ldns_pkt_set_id(packet.get(), id);
  ldns_pkt_set_rd(packet.get(), true);
  ldns_pkt_set_cd(packet.get(), query.checking_disabled);
  PushQuestion(packet.get(), query);
  SetEdns(packet.get(), query.dnssec_ok);
  return Encode(packet.get());
}

std::optional<UpstreamAnswer> CheckUpstreamAnswer(std::string_view bytes, const DnsQuery& query,
                                                  uint16_t id) {
  const Packet packet = Decode(bytes);
  if (!packet || !ldns_pkt_qr(packet.get()) || ldns_pkt_id(packet.get()) != id) {
    return std::nullopt;
  }
  const ldns_rr_list* questions = ldns_pkt_question(packet.get());
  if (ldns_rr_list_rr_count(questions) != 1) return std::nullopt;
  const ldns_rr* question = ldns_rr_list_rr(questions, 0);
  if (NameText(WireOf(ldns_rr_owner(question))) != query.name ||
      ldns_rr_get_type(question) != query.type || ldns_rr_get_class(question) != query.klass) {
    return std::nullopt;
  }
  UpstreamAnswer answer;
  answer.truncated = ldns_pkt_tc(packet.get());
  answer.code = static_cast<DnsCode>(ldns_pkt_get_rcode(packet.get()));
  const ldns_rr_list* answers = ldns_pkt_answer(packet.get());
  const bool some = ldns_rr_list_rr_count(answers) > 0;
  if (answer.truncated) {
    answer.ttl_seconds = 0;
  } else if (answer.code == DnsCode::kOk && some) {
    answer.ttl_seconds = LeastTtl(answers, kTtlMaxSeconds);
  } else if (answer.code == DnsCode::kOk || answer.code == DnsCode::kNoSuchName) {
    answer.ttl_seconds = NegativeTtl(packet.get());
  }
  return answer;
}

std::string FitUpstreamAnswer(std::string_view bytes, const DnsQuery& query,
                              const std::vector<DnsRecord>& prefix, uint32_t age_seconds,
                              size_t bytes_max) {
  const Packet packet = Decode(bytes);
  if (!packet) return EncodeError(query, DnsCode::kServerFailure);
  const auto code = static_cast<DnsCode>(ldns_pkt_get_rcode(packet.get()));
  const Packet fitted = NewAnswer(query, code);
  ldns_pkt_set_ad(fitted.get(), ldns_pkt_ad(packet.get()));
  for (const DnsRecord& record : prefix) {
    Push(fitted.get(), LDNS_SECTION_ANSWER, record, kTtlSeconds);
  }
  const struct {
    ldns_pkt_section section;
    ldns_rr_list* list;
  } sections[] = {{LDNS_SECTION_ANSWER, ldns_pkt_answer(packet.get())},
                  {LDNS_SECTION_AUTHORITY, ldns_pkt_authority(packet.get())},
                  {LDNS_SECTION_ADDITIONAL, ldns_pkt_additional(packet.get())}};
  for (const auto& [section, list] : sections) {
    if (list == nullptr) continue;
    LowerTtls(list, age_seconds);
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
      ldns_rr* copy = ldns_rr_clone(ldns_rr_list_rr(list, i));
      if (!ldns_pkt_push_rr(fitted.get(), section, copy)) ldns_rr_free(copy);
    }
  }
  std::string fit = Encode(fitted.get());
  if (fit.empty()) return EncodeError(query, DnsCode::kServerFailure);
  if (fit.size() > bytes_max || ldns_pkt_tc(packet.get())) return CutOff(query, code, false);
  return fit;
}

}  // namespace muster::agent
