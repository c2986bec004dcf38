#include "agent/probe/net/net_prober.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "agent/probe/net/http_attempt.h"

namespace muster::agent {

namespace asio = boost::asio;

class NetProber::Network {
 public:
  ~Network() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // On the network's thread.
  void Post(std::function<void()> task) {
    std::call_once(started_, [this] {
      tls_.emplace(asio::ssl::context::tls_client);
      tls_->set_verify_mode(asio::ssl::verify_none);
      thread_ = std::thread([this] { io_.run(); });
    });
    asio::post(io_, std::move(task));
  }

  asio::io_context& io() { return io_; }
  asio::ssl::context& tls() { return *tls_; }

 private:
  std::optional<asio::ssl::context> tls_;  // Before io_, whose attempts refer to it.
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::once_flag started_;
  std::thread thread_;
};

NetProber::NetProber() : network_(std::make_unique<Network>()) {}
NetProber::~NetProber() = default;

void NetProber::Ask(const NetCall& call, Duration timeout, Done done) {
  if (const auto* grpc = std::get_if<GrpcCall>(&call)) {
    grpc_health_.Check(*grpc, timeout, std::move(done));
    return;
  }
  network_->Post([network = network_.get(), call, timeout, done = std::move(done)]() mutable {
    if (const auto* http = std::get_if<HttpCall>(&call)) {
      BeginHttpAttempt(network->io(), network->tls(), *http, timeout, std::move(done));
    } else {
      BeginTcpAttempt(network->io(), std::get<TcpCall>(call), timeout, std::move(done));
    }
  });
}

}  // namespace muster::agent
