// How long it takes to bring nftables up to a change, with many Services: for ./dev bench net.
//
//   ruleset_rounds SERVICES ENDPOINTS ROUNDS
//
// In a network namespace of its own. Prints a line a figure: NAME, then milliseconds of each round.

#include <sched.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/network/host/nftables.h"
#include "agent/network/ruleset.h"
#include "common/base/ip_address.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

using Clock = std::chrono::steady_clock;

std::string Bytes(const std::string& ip) { return ParseIp(ip)->Bytes(); }

network::v1::Service ServiceOf(int i) {
  network::v1::Service service;
  service.set_namespace_("default");
  service.set_name(absl::StrCat("service-", i));
  service.add_cluster_ips(absl::StrCat("10.96.", i / 256, ".", i % 256));
  network::v1::Port& port = *service.add_ports();
  port.set_name("http");
  port.set_protocol("TCP");
  port.set_port(80);
  return service;
}

// Service i has its places at 10.(i / 256).(i % 256).*, the last of them at `last`.
network::v1::Slice SliceOf(int i, int endpoints, int last) {
  network::v1::Slice slice;
  slice.set_namespace_("default");
  slice.set_name(absl::StrCat("slice-", i));
  slice.set_service(absl::StrCat("service-", i));
  network::v1::SlicePort& its = *slice.add_ports();
  its.set_name("http");
  its.set_protocol("TCP");
  its.set_port(8080);
  for (int n = 0; n < endpoints; ++n) {
    network::v1::Endpoint& place = *slice.add_endpoints();
    const int number = n == endpoints - 1 ? last : n + 1;
    place.set_address(Bytes(absl::StrCat("10.", i / 256, ".", i % 256, ".", number)));
    place.set_node(absl::StrCat("node-", n));
    place.set_ready(true);
    place.set_serving(true);
  }
  return slice;
}

// Two tables as an agent has them one after the other: one place of one Service is elsewhere.
std::vector<ServiceTable> TablesOf(int services, int endpoints) {
  network::v1::Update all, one;
  all.set_complete(true);
  for (int i = 0; i < services; ++i) {
    *all.add_services() = ServiceOf(i);
    *all.add_slices() = SliceOf(i, endpoints, 201);
  }
  one.set_complete(true);
  *one.add_slices() = SliceOf(0, endpoints, 202);
  ServiceTableBuilder builder;
  std::vector<ServiceTable> tables;
  tables.push_back(*builder.Take(all));
  tables.push_back(*builder.Take(one));
  return tables;
}

class Figures {
 public:
  // What it returns is of no matter here; it only must not fail.
  void Take(const std::string& name, const std::function<void()>& work) {
    const Clock::time_point begin = Clock::now();
    work();
    rounds_[name].push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  void Print() const {
    for (const auto& [name, figures] : rounds_) {
      std::printf("%s", name.c_str());
      for (const double figure : figures) std::printf(" %.4f", figure);
      std::printf("\n");
    }
  }

 private:
  std::map<std::string, std::vector<double>> rounds_;
};

void Run(Nftables& nftables, const std::string& commands) {
  const absl::Status status = nftables.Run(commands);
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

SetElements PortAt(const std::string& place) {
  const HostPortKey key{false, "tcp", std::nullopt, 8080};
  return HostPortElements({{key, {{*ParseIp(place), 80}, "pod", {}}}}, {}, {});
}

int Measure(int services, int endpoints, int rounds) {
  const RulesetContext context{"node-1", {"cni0"}, false};
  const std::vector<ServiceTable> tables = TablesOf(services, endpoints);
  Nftables nftables;
  Figures figures;
  Run(nftables, "add table inet floor\nadd set inet floor s { type ipv4_addr ; }\n");
  for (int round = 0; round < rounds; ++round) {
    figures.Take("floor", [&] {
      Run(nftables,
          absl::StrCat(round % 2 == 0 ? "add" : "delete", " element inet floor s { 10.0.0.1 }\n"));
    });
  }
  Ruleset now, next;
  RulesetMaker maker;
  for (int round = 0; round < rounds; ++round) {
    maker = RulesetMaker();
    figures.Take("make", [&] { now = maker.Make(tables[0], context); });
    now.host_ports = PortAt("10.200.0.1");
    figures.Take("replace", [&] { Run(nftables, ReplaceCommands(now)); });
  }
  for (int round = 0; round < rounds; ++round) {
    figures.Take("remake", [&] { next = maker.Make(tables[(round + 1) % 2], context); });
    MUSTER_CHECK(maker.made() == 1);
    next.host_ports = now.host_ports;
    std::string commands;
    figures.Take("compare", [&] { commands = ChangeCommands(now, next); });
    figures.Take("change", [&] { Run(nftables, commands); });
    now = next;
  }
  for (int round = 0; round < rounds; ++round) {
    const SetElements port = PortAt(round % 2 == 0 ? "10.200.0.2" : "10.200.0.1");
    figures.Take("port", [&] { Run(nftables, HostPortCommands(now.host_ports, port)); });
    now.host_ports = port;
  }
  figures.Print();
  return 0;
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: ruleset_rounds SERVICES ENDPOINTS ROUNDS\n");
    return 64;
  }
  if (::unshare(CLONE_NEWNET) != 0) {
    std::perror("a network namespace");
    return 1;
  }
  return muster::agent::Measure(std::atoi(argv[1]), std::atoi(argv[2]), std::atoi(argv[3]));
}
