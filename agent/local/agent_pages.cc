#include "agent/local/agent_pages.h"

#include <utility>

#include "agent/metrics/metrics_page.h"
#include "common/metrics/exposition.h"

namespace muster::agent {

// One question for metrics, until it is answered.
struct AgentPages::Scrape {
  HttpServer::Reply reply;  // Empty once it was called.
  std::unique_ptr<EventLoop::Timer> patience;
};

AgentPages::AgentPages(EventLoop& loop, const Clock& clock, Sources sources,
                       Duration stats_patience)
    : loop_(loop), clock_(clock), sources_(std::move(sources)), stats_patience_(stats_patience) {}

AgentPages::~AgentPages() { *alive_ = false; }

void AgentPages::Serve(const std::string& path, HttpServer::Reply reply) {
  if (path != "/status") return ServeMetrics(path, std::move(reply));
  reply({200, "application/json", ToJson(sources_.report())});
}

void AgentPages::ServeMetrics(const std::string& path, HttpServer::Reply reply) {
  if (path == "/metrics") return Metrics(std::move(reply));
  if (path == "/healthz") return reply({.body = "ok\n"});
  reply({.status = 404, .body = "there is /metrics and /healthz\n"});
}

void AgentPages::Metrics(HttpServer::Reply reply) {
  const auto scrape = std::make_shared<Scrape>();
  scrape->reply = std::move(reply);
  scrape->patience = loop_.NewTimer([this, waits = std::weak_ptr<Scrape>(scrape)] {
    const std::shared_ptr<Scrape> late = waits.lock();
    if (late != nullptr) Finish(*late, absl::DeadlineExceededError("the runtime does not answer"));
  });
  scrape->patience->Set(clock_.Mono() +
                        std::chrono::duration_cast<MonoTime::duration>(stats_patience_));
  sources_.runtime.ListContainerStats([this, loop = &loop_, alive = alive_, scrape](Stats stats) {
    // Back to the loop, which outlives the runtime's calls.
    loop->Post([this, alive, scrape, stats = std::move(stats)] {
      if (*alive) Finish(*scrape, stats);
    });
  });
}

void AgentPages::Finish(Scrape& scrape, const Stats& stats) {
  scrape.patience.reset();
  const HttpServer::Reply once = std::exchange(scrape.reply, nullptr);
  if (!once) return;
  const NodeReport report = sources_.report();
  const NodeTallies tallies = sources_.tallies();
  const CallStats::Calls calls = sources_.calls.Read();
  once({200, kExpositionType, MetricsPage({report, tallies, calls, stats})});
}

}  // namespace muster::agent
