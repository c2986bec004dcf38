#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/dns/answer_cache.h"
#include "agent/dns/message.h"
#include "common/base/clock.h"
#include "common/base/ip_address.h"
#include "common/base/random.h"
#include "common/daemon/event_loop.h"

namespace muster::agent {

// Asks the host's own name servers for names that are not ours, and keeps what they say.
//
// Each question has a socket of its own, so that the kernel takes answers from the server only, at
// a port that was chosen at random. The same question asked by many is asked once. A server that
// does not answer, or cannot, is followed by the next one; an answer that was cut off is asked for
// again by TCP. Loop thread only; nothing blocks.
class DnsUpstream {
 public:
  struct Options {
    std::chrono::milliseconds try_for{1'500};  // One server.
    int rounds = 2;                            // Over all servers.
    size_t waiting_max = 512;                  // Questions under way; others are refused.
    size_t cached_max = 4096;
    uint16_t port = 53;
  };
  // The bytes of an answer and their age; none: nobody could say.
  using Done = std::function<void(const std::string* bytes, uint32_t age_seconds)>;

  DnsUpstream(EventLoop& events, const Clock& clock, Options options, RandomBits random);
  ~DnsUpstream();

  // The servers of the host's resolv.conf, in their order. `own` are addresses at which we listen:
  // to ask there would be to ask ourselves. Others that lead back to us (a resolver of the host
  // that asks us) are found by a question that nobody else asks, and left out as well.
  void SetServers(const std::vector<std::string>& servers, const std::vector<IpAddress>& own);
  // Calls back once, perhaps at once.
  void Ask(const DnsQuery& query, Done done);
  // Whether a query that came in is that question.
  bool NoticeProbe(const DnsQuery& query);

  size_t waiting() const { return waiting_.size(); }

 private:
  struct Server {
    IpAddress address;
    std::string probe;  // The name that is asked for there only.
    bool loops = false;
  };
  class Attempt;
  struct Waiting {
    DnsQuery query;
    std::vector<Done> done;
    size_t tries = 0;
    std::unique_ptr<Attempt> attempt;
    std::string last_answer;  // Of a server that could not say.
  };

  void TryNext(const std::string& key);
  void OnAnswer(const std::string& key, std::string bytes);
  void Finish(const std::string& key, const std::string* bytes, uint32_t age_seconds);
  void Probe(Server& server);
  std::vector<const Server*> Usable() const;

  EventLoop& events_;
  const Clock& clock_;
  const Options options_;
  const RandomBits random_;
  AnswerCache cache_;
  std::vector<Server> servers_;
  std::map<std::string, Waiting> waiting_;
  std::vector<std::unique_ptr<Attempt>> probes_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
