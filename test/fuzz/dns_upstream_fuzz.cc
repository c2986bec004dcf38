// Anything that a name server upstream may say: it counts only as an answer to what was asked, and
// what is made of it fits whoever asked.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/dns/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  muster::agent::DnsQuery query;
  query.name = "example.com";
  query.name_wire = std::string("\7example\3com", 13);
  query.type = 1;
  if (size < 2) return 0;
  const auto id = static_cast<uint16_t>(data[0] * 256 + data[1]);
  (void)muster::agent::CheckUpstreamAnswer(bytes, query, id);
  for (const size_t most : {size_t{512}, size_t{65535}}) {
    const std::string fit = muster::agent::FitUpstreamAnswer(
        bytes, query,
        {{.name = "a.b", .type = muster::agent::RecordType::kCname, .text = "example.com"}}, 5,
        most);
    if (fit.size() > most || fit.size() < 12) std::abort();
  }
  return 0;
}
