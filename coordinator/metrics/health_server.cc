#include <CivetServer.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/metrics/exposition.h"
#include "coordinator/metrics/metrics.h"

namespace muster::coordinator {
namespace {

void Answer(mg_connection* connection, const char* status, const std::string& type,
            const std::string& body) {
  const std::string head =
      absl::StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type,
                   "\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  mg_write(connection, body.data(), body.size());
}

class Healthz final : public CivetHandler {
 public:
  explicit Healthz(std::function<absl::Status()> healthy) : healthy_(std::move(healthy)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    const absl::Status status = healthy_();
    Answer(connection, status.ok() ? "200 OK" : "503 Service Unavailable", "text/plain",
           status.ok() ? "ok\n" : absl::StrCat(status.message(), "\n"));
    return true;
  }

 private:
  const std::function<absl::Status()> healthy_;
};

class MetricsPage final : public CivetHandler {
 public:
  explicit MetricsPage(std::function<std::string()> text) : text_(std::move(text)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    Answer(connection, "200 OK", kExpositionType, text_());
    return true;
  }

 private:
  const std::function<std::string()> text_;
};

}  // namespace

class HealthServer::Impl {
 public:
  Impl(const std::string& listen, std::function<absl::Status()> healthy,
       std::function<std::string()> metrics)
      : healthz_(std::move(healthy)),
        metrics_(std::move(metrics)),
        server_(std::vector<std::string>{"listening_ports", listen, "num_threads", "2",
                                         "request_timeout_ms", "10000"}) {
    server_.addHandler("/healthz$", healthz_);
    server_.addHandler("/metrics$", metrics_);
  }

 private:
  Healthz healthz_;
  MetricsPage metrics_;
  CivetServer server_;  // Last: it calls the handlers until it is gone.
};

HealthServer::HealthServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HealthServer::~HealthServer() = default;

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Start(
    const std::string& listen, std::function<absl::Status()> healthy,
    std::function<std::string()> metrics) {
  try {
    return std::unique_ptr<HealthServer>(
        new HealthServer(std::make_unique<Impl>(listen, std::move(healthy), std::move(metrics))));
  } catch (const CivetException&) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", listen, " for metrics and health; does another program do so?"));
  }
}

}  // namespace muster::coordinator
