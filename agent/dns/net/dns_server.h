#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/dns/message.h"
#include "agent/dns/net/dns_socket.h"
#include "agent/dns/net/upstream.h"
#include "agent/dns/zone.h"
#include "common/base/clock.h"
#include "common/base/ip_address.h"
#include "common/base/random.h"
#include "common/daemon/event_loop.h"

namespace muster::agent {

// The name server of this node: answers for the fleet's domain from the newest zone, asks upstream
// for everything else. UDP and TCP at each address. Loop thread only; nothing blocks, and what
// others can make it hold is bounded.
class DnsServer {
 public:
  struct Options {
    uint16_t port = 53;
    size_t connections_max = 128;  // TCP; the oldest goes for a new one.
    std::chrono::seconds idle_for{10};
    DnsUpstream::Options upstream;
  };

  DnsServer(EventLoop& events, const Clock& clock, Options options, RandomBits random);
  ~DnsServer();

  // Also for some of them: OK then, and `addresses()` says which.
  absl::Status Listen(const std::vector<IpAddress>& addresses);
  const std::vector<IpAddress>& addresses() const { return addresses_; }

  // Without a zone names of the domain cannot be answered yet (SERVFAIL).
  void SetZone(std::shared_ptr<const DnsZone> zone) { zone_ = std::move(zone); }
  void SetUpstreams(const std::vector<std::string>& servers) {
    upstream_.SetServers(servers, addresses_);
  }
  // While the coordinator is away this node's own pods come first.
  void SetOwnFirst(bool own_first) { own_first_ = own_first; }

 private:
  class Connection;
  using Reply = std::function<void(std::string)>;

  void ReadDatagrams(int fd);
  void Accept(int fd);
  void Serve(std::string_view bytes, bool tcp, Reply reply);
  void ServeElsewhere(const DnsQuery& query, const ZoneAnswer& answer, size_t bytes_max,
                      Reply reply);
  void Drop(Connection* connection);

  EventLoop& events_;
  const Clock& clock_;
  const Options options_;
  DnsUpstream upstream_;
  uint32_t turn_ = 0;
  bool own_first_ = false;
  std::shared_ptr<const DnsZone> zone_;
  std::vector<IpAddress> addresses_;
  std::vector<DnsSocket> sockets_;
  std::vector<std::unique_ptr<EventLoop::Source>> sources_;
  std::list<std::shared_ptr<Connection>> connections_;  // The oldest first.
  std::vector<std::shared_ptr<Connection>> gone_;       // Over, but perhaps in use.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
