// Any datagram that comes to the name server: it is answered by a message that is itself one, has
// the id of the question, and fits; or not at all.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "agent/dns/message.h"
#include "agent/dns/zone.h"
#include "agent/network/service_table.h"

namespace {

using muster::agent::DnsZone;
using muster::agent::ServiceTable;
using muster::agent::ServiceTableBuilder;

DnsZone MakeZone() {
  muster::network::v1::Update update;
  update.set_full(true);
  update.set_complete(true);
  auto& headless = *update.add_services();
  headless.set_namespace_("default");
  headless.set_name("set");
  auto& address = *update.add_services();
  address.set_namespace_("default");
  address.set_name("web");
  address.add_cluster_ips("10.96.0.1");
  auto& slice = *update.add_slices();
  slice.set_namespace_("default");
  slice.set_name("set-1");
  slice.set_service("set");
  for (int i = 0; i < 40; ++i) {
    auto& place = *slice.add_endpoints();
    place.set_address(std::string("\x0a\x00\x00", 3) + static_cast<char>(i));
    place.set_ready(true);
    place.set_node("n1");
  }
  ServiceTableBuilder builder;
  return DnsZone(std::make_shared<const ServiceTable>(*builder.Take(update)), "cluster.local",
                 "n1");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const DnsZone zone = MakeZone();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const muster::agent::ReadQuery read = muster::agent::ParseQuery(bytes);
  if (read.error_answer && read.error_answer->substr(0, 2) != bytes.substr(0, 2)) std::abort();
  if (!read.query) return 0;
  const muster::agent::ZoneAnswer answer = zone.Answer(
      read.query->name, static_cast<muster::agent::RecordType>(read.query->type), size, true);
  const std::string reply =
      muster::agent::EncodeAnswer(*read.query, answer, zone, read.query->udp_bytes_max);
  if (reply.size() < 12 || reply.substr(0, 2) != bytes.substr(0, 2)) std::abort();
  // An answer is no query: nobody can make two servers talk to each other.
  const muster::agent::ReadQuery again = muster::agent::ParseQuery(reply);
  if (again.query || again.error_answer) std::abort();
  const std::string asked = muster::agent::EncodeUpstreamQuery(*read.query, 7);
  const muster::agent::ReadQuery there = muster::agent::ParseQuery(asked);
  if (!there.query || there.query->name != read.query->name) std::abort();
  return 0;
}
