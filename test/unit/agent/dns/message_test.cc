#include "agent/dns/message.h"

#include <string>
#include <vector>

#include "agent/dns/answer_cache.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string Wire(const std::string& name) {
  std::string wire;
  size_t start = 0;
  while (start < name.size()) {
    const size_t dot = std::min(name.find('.', start), name.size());
    wire.push_back(static_cast<char>(dot - start));
    wire.append(name, start, dot - start);
    start = dot + 1;
  }
  wire.push_back('\0');
  return wire;
}

std::string Number(uint16_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

// A message of one question. `counts` of answer, authority and additional records.
std::string Message(const std::string& name, uint16_t type, uint16_t flags = 0x0100,
                    const std::string& rest = "", uint16_t answers = 0, uint16_t authority = 0,
                    uint16_t additional = 0) {
  return Number(0x1234) + Number(flags) + Number(1) + Number(answers) + Number(authority) +
         Number(additional) + Wire(name) + Number(type) + Number(1) + rest;
}

std::string Opt(uint16_t size, uint8_t version = 0, bool dnssec_ok = false) {
  return std::string(1, '\0') + Number(41) + Number(size) + std::string(1, '\0') +
         std::string(1, static_cast<char>(version)) + Number(dnssec_ok ? 0x8000 : 0) + Number(0);
}

// An address record whose owner is the question's name.
std::string Address(uint32_t ttl) {
  return Number(0xc00c) + Number(1) + Number(1) + Number(static_cast<uint16_t>(ttl >> 16)) +
         Number(static_cast<uint16_t>(ttl)) + Number(4) + std::string("\xc0\x00\x02\x01", 4);
}

int Rcode(const std::string& message) { return message[3] & 0xf; }
bool Truncated(const std::string& message) { return (message[2] & 2) != 0; }
int Count(const std::string& message, int section) {
  return static_cast<uint8_t>(message[4 + 2 * section]) * 256 +
         static_cast<uint8_t>(message[5 + 2 * section]);
}

DnsQuery Query(const std::string& message) {
  const ReadQuery read = ParseQuery(message);
  EXPECT_TRUE(read.query.has_value());
  return read.query.value_or(DnsQuery());
}

TEST(ParseQuery, WhatIsOne) {
  const DnsQuery query = Query(Message("Web.Default.SVC.cluster.local", 28));
  EXPECT_EQ(query.id, 0x1234);
  EXPECT_EQ(query.name, "web.default.svc.cluster.local");
  EXPECT_EQ(query.name_wire, Wire("Web.Default.SVC.cluster.local"));
  EXPECT_EQ(query.type, 28);
  EXPECT_TRUE(query.recursion_desired);
  EXPECT_FALSE(query.has_edns);
  EXPECT_EQ(query.udp_bytes_max, 512u);
  EXPECT_EQ(Query(Message("", 2)).name, "");

  const DnsQuery large = Query(Message("a", 1, 0x0100, Opt(4096, 0, true), 0, 0, 1));
  EXPECT_TRUE(large.has_edns && large.dnssec_ok);
  EXPECT_EQ(large.udp_bytes_max, kDnsUdpBytesMax);
  EXPECT_EQ(Query(Message("a", 1, 0x0100, Opt(100), 0, 0, 1)).udp_bytes_max, 512u);
}

TEST(ParseQuery, WhatIsNone) {
  const std::string good = Message("web.example.com", 1);
  for (size_t size = 0; size < 12; ++size) {
    const ReadQuery read = ParseQuery(good.substr(0, size));
    EXPECT_FALSE(read.query || read.error_answer) << size;
  }
  for (size_t size = 12; size < good.size(); ++size) {
    const ReadQuery read = ParseQuery(good.substr(0, size));
    ASSERT_TRUE(read.error_answer && !read.query) << size;
    EXPECT_EQ(Rcode(*read.error_answer), 1) << size;
  }
  // An answer is not answered: two servers would talk for ever.
  const ReadQuery answer = ParseQuery(Message("a", 1, 0x8180));
  EXPECT_FALSE(answer.query || answer.error_answer);
  const ReadQuery notify = ParseQuery(Message("a", 1, 0x2000));
  ASSERT_TRUE(notify.error_answer);
  EXPECT_EQ(Rcode(*notify.error_answer), 4);
  std::string two = good;
  two[5] = 2;
  ASSERT_TRUE(ParseQuery(two).error_answer);
  // A name that points at itself.
  std::string circle = Message("a", 1);
  circle[12] = '\xc0';
  circle[13] = '\x0c';
  ASSERT_TRUE(ParseQuery(circle).error_answer);
  const ReadQuery version = ParseQuery(Message("a", 1, 0x0100, Opt(1232, 1), 0, 0, 1));
  ASSERT_TRUE(version.error_answer);
}

class AnswerTest : public testing::Test {
 protected:
  AnswerTest() {
    TableWriter writer;
    writer.Service("set");
    network::v1::Slice& slice = writer.Slice("set", "http", "TCP", 80);
    for (int i = 0; i < 200; ++i) {
      TableWriter::Place(slice, "10.0." + std::to_string(i) + ".1", "n" + std::to_string(i));
    }
    zone_ = std::make_unique<DnsZone>(writer.Table(), "cluster.local", "n1");
  }
  std::string Answer(const DnsQuery& query, size_t bytes_max = 65535) {
    return EncodeAnswer(query,
                        zone_->Answer(query.name, static_cast<RecordType>(query.type), 0, false),
                        *zone_, bytes_max);
  }
  std::unique_ptr<DnsZone> zone_;
};

TEST_F(AnswerTest, SaysWhatItFound) {
  const DnsQuery query = Query(Message("N7.Set.default.svc.cluster.local", 1));
  const std::string answer = Answer(query);
  EXPECT_EQ(answer.substr(0, 2), Number(0x1234));
  EXPECT_EQ(Rcode(answer), 0);
  EXPECT_EQ(static_cast<uint8_t>(answer[2]), 0x85);  // QR, AA, RD.
  EXPECT_EQ(Count(answer, 1), 1);
  EXPECT_EQ(answer.substr(12, query.name_wire.size()), query.name_wire);
  EXPECT_EQ(answer.substr(answer.size() - 4), std::string("\x0a\x00\x07\x01", 4));
}

TEST_F(AnswerTest, ANoBringsTheSoa) {
  for (const auto& [name, rcode] : std::vector<std::pair<std::string, int>>{
           {"nobody.default.svc.cluster.local", 3}, {"n1.set.default.svc.cluster.local", 0}}) {
    const std::string answer = Answer(Query(Message(name, 28)));
    EXPECT_EQ(Rcode(answer), rcode);
    EXPECT_EQ(Count(answer, 1), 0);
    EXPECT_EQ(Count(answer, 2), 1);
    EXPECT_THAT(answer, HasSubstr("hostmaster"));
  }
}

TEST_F(AnswerTest, WhatDoesNotFitIsCutOff) {
  const DnsQuery query = Query(Message("set.default.svc.cluster.local", 1));
  const std::string whole = Answer(query);
  EXPECT_EQ(Count(whole, 1), 200);
  const std::string cut = Answer(query, 512);
  EXPECT_TRUE(Truncated(cut));
  EXPECT_EQ(Count(cut, 1), 0);
  EXPECT_LE(cut.size(), 512u);
  EXPECT_FALSE(Truncated(whole));
}

TEST(UpstreamAnswer, OnlyTheRightOneCounts) {
  const DnsQuery query = Query(Message("Example.com", 1));
  const auto check = [&](const std::string& bytes, uint16_t id = 0x1234) {
    return CheckUpstreamAnswer(bytes, query, id);
  };
  const std::string good = Message("example.COM", 1, 0x8180, Address(60), 1);
  ASSERT_TRUE(check(good));
  EXPECT_EQ(check(good)->ttl_seconds, 60u);
  EXPECT_FALSE(check(good, 0x4321));
  EXPECT_FALSE(check(Message("example.com", 1, 0x0180, Address(60), 1))) << "a query";
  EXPECT_FALSE(check(Message("example.org", 1, 0x8180, Address(60), 1)));
  EXPECT_FALSE(check(Message("example.com", 28, 0x8180)));
  EXPECT_FALSE(check("")) << "nothing";
  EXPECT_FALSE(check(good.substr(0, good.size() - 1)));
  EXPECT_TRUE(check(Message("example.com", 1, 0x8380))->truncated);
  EXPECT_EQ(check(Message("example.com", 1, 0x8182))->code, DnsCode::kServerFailure);
  EXPECT_EQ(check(Message("example.com", 1, 0x8183))->ttl_seconds, 0u) << "a no without SOA";
  const std::string soa = Number(0xc00c) + Number(6) + Number(1) + Number(0) + Number(900) +
                          Number(22) + std::string(2, '\0') + std::string(16, '\0') + Number(0) +
                          Number(120);
  ASSERT_TRUE(check(Message("example.com", 1, 0x8183, soa, 0, 1)));
  EXPECT_EQ(check(Message("example.com", 1, 0x8183, soa, 0, 1))->ttl_seconds, 120u);
  EXPECT_EQ(check(Message("example.com", 1, 0x8180, Address(1'000'000), 1))->ttl_seconds, 3600u);
}

TEST(UpstreamAnswer, BecomesTheOneToTheQuery) {
  const std::string bytes = Message("example.com", 1, 0x8180, Address(60), 1);
  std::string asked = Message("EXAMPLE.com", 1);
  asked[0] = 0x77;
  const DnsQuery query = Query(asked);
  const std::string fit = FitUpstreamAnswer(bytes, query, {}, 20, 512);
  EXPECT_EQ(fit.substr(0, 2), asked.substr(0, 2));
  EXPECT_EQ(fit.substr(12, query.name_wire.size()), query.name_wire);
  EXPECT_EQ(Count(fit, 1), 1);
  EXPECT_THAT(fit, HasSubstr(Number(0) + Number(40) + Number(4)));  // The TTL that is left.
  EXPECT_TRUE(Truncated(FitUpstreamAnswer(bytes, query, {}, 0, 40)));
  EXPECT_EQ(Rcode(FitUpstreamAnswer("rubbish", query, {}, 0, 512)), 2);

  // With what led there, the question stays the client's.
  const DnsQuery alias = Query(Message("db.default.svc.cluster.local", 1));
  const std::string led = FitUpstreamAnswer(
      bytes, alias,
      {{.name = "db.default.svc.cluster.local", .type = RecordType::kCname, .text = "example.com"}},
      0, 512);
  EXPECT_EQ(Count(led, 1), 2);
  EXPECT_EQ(led.substr(12, alias.name_wire.size()), alias.name_wire);
}

TEST(UpstreamQuery, IsTheSameQuestion) {
  const DnsQuery query = Query(Message("Example.com", 15));
  const ReadQuery read = ParseQuery(EncodeUpstreamQuery(query, 77));
  ASSERT_TRUE(read.query);
  EXPECT_EQ(read.query->id, 77);
  EXPECT_EQ(read.query->name, "example.com");
  EXPECT_EQ(read.query->type, 15);
  EXPECT_TRUE(read.query->has_edns);
  EXPECT_EQ(Renamed(query, "other.example")->name_wire, Wire("other.example"));
  EXPECT_FALSE(Renamed(query, "a..b"));
  EXPECT_FALSE(Renamed(query, std::string(64, 'x')));
}

TEST(AnswerCache, KeepsForAsLongAsItMay) {
  AnswerCache cache(2);
  const DnsQuery one = Query(Message("one.example", 1)), two = Query(Message("two.example", 1)),
                 three = Query(Message("three.example", 1));
  const MonoTime start{1h};
  cache.Put(one, "1", 10, start);
  EXPECT_EQ(cache.Find(one, start + 9s)->age_seconds, 9u);
  EXPECT_EQ(cache.Find(one, start + 9s)->bytes, "1");
  EXPECT_FALSE(cache.Find(one, start + 10s));
  EXPECT_FALSE(cache.Find(Query(Message("one.example", 28)), start));
  cache.Put(one, "1", 0, start);
  EXPECT_FALSE(cache.Find(one, start)) << "it may not be kept";
  // The one that was not wanted for longest goes.
  cache.Put(one, "1", 10, start);
  cache.Put(two, "2", 10, start);
  EXPECT_TRUE(cache.Find(one, start));
  cache.Put(three, "3", 10, start);
  EXPECT_FALSE(cache.Find(two, start));
  EXPECT_TRUE(cache.Find(one, start) && cache.Find(three, start));
  EXPECT_EQ(cache.size(), 2u);
}

}  // namespace
}  // namespace muster::agent
