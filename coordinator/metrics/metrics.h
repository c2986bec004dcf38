#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace prometheus {
class Registry;
}

namespace muster::coordinator {

// What a coordinator counts about itself. Thread-safe; read by HealthServer.
class Metrics {
 public:
  explicit Metrics(const std::string& version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void SetSessions(size_t sessions);
  // One turn of the named loop took so long.
  void ObserveStep(const std::string& loop, double seconds);

  // In Prometheus' text format.
  std::string Text() const;

 private:
  struct Series;

  const std::unique_ptr<prometheus::Registry> registry_;
  const std::unique_ptr<Series> series_;
};

// Answers GET /healthz ("ok", or 503 and why not) and GET /metrics over plain HTTP, with threads of
// its own. Meant for the loopback.
class HealthServer {
 public:
  // `healthy` and `metrics` are called on its threads. Unavailable when `listen` cannot be had.
  static absl::StatusOr<std::unique_ptr<HealthServer>> Start(const std::string& listen,
                                                             std::function<absl::Status()> healthy,
                                                             std::function<std::string()> metrics);
  ~HealthServer();

 private:
  class Impl;
  explicit HealthServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace muster::coordinator
