#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/local/http_server.h"
#include "agent/metrics/call_stats.h"
#include "agent/metrics/tallies.h"
#include "agent/report/node_report.h"
#include "agent/runtime/runtime.h"

namespace muster::agent {

// What an agent tells programs on its host: GET /status (a NodeReport as JSON), /metrics and
// /healthz. Everything is made when it is asked for, so it costs nothing before; the runtime is
// asked what containers use for /metrics only, and waited for no longer than `stats_patience`: a
// runtime that hangs is what metrics have to show.
//
// Loop thread only; goes before the loop.
class AgentPages {
 public:
  struct Sources {
    std::function<NodeReport()> report;
    std::function<NodeTallies()> tallies;
    Runtime& runtime;
    const CallStats& calls;
  };

  AgentPages(EventLoop& loop, const Clock& clock, Sources sources,
             Duration stats_patience = std::chrono::seconds(3));
  ~AgentPages();
  AgentPages(const AgentPages&) = delete;
  AgentPages& operator=(const AgentPages&) = delete;

  void Serve(const std::string& path, HttpServer::Reply reply);
  // For those who are not to read about single pods' troubles: without /status.
  void ServeMetrics(const std::string& path, HttpServer::Reply reply);

 private:
  struct Scrape;
  using Stats = absl::StatusOr<std::vector<ContainerStats>>;

  void Metrics(HttpServer::Reply reply);
  void Finish(Scrape& scrape, const Stats& stats);

  EventLoop& loop_;
  const Clock& clock_;
  const Sources sources_;
  const Duration stats_patience_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
