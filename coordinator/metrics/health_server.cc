#include <CivetServer.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <thread>
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

// A connection to HOST:PORT or [HOST]:PORT, as far as it goes.
void Knock(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return;
  std::string host = address.substr(0, colon);
  if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0) return;
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) {
    (void)::connect(fd, found->ai_addr, found->ai_addrlen);
    ::close(fd);
  }
  ::freeaddrinfo(found);
}

}  // namespace

class HealthServer::Impl {
 public:
  Impl(const std::string& listen, std::function<absl::Status()> healthy,
       std::function<std::string()> metrics)
      : listen_(listen),
        healthz_(std::move(healthy)),
        metrics_(std::move(metrics)),
        server_(std::vector<std::string>{"listening_ports", listen, "num_threads", "2",
                                         "request_timeout_ms", "10000"}) {
    server_.addHandler("/healthz$", healthz_);
    server_.addHandler("/metrics$", metrics_);
  }
  // CivetWeb looks whether it is to stop when somebody connects, or else every two seconds, and a
  // coordinator that is upgraded would be away for that much longer.
  ~Impl() {
    std::promise<void> closed;
    std::thread knocking([this, over = closed.get_future()] {
      do {
        Knock(listen_);
      } while (over.wait_for(std::chrono::milliseconds(5)) == std::future_status::timeout);
    });
    server_.close();
    closed.set_value();
    knocking.join();
  }

 private:
  const std::string listen_;
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
