#include "agent/local/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace muster::agent {

struct HttpServer::Connection {
  int fd = -1;
  Place place;
  std::string input, output;
  size_t written = 0;
  bool asked = false;  // The request is complete; nothing more is read.
  std::unique_ptr<EventLoop::Timer> patience;
  std::unique_ptr<EventLoop::Source> source;
};

HttpServer::HttpServer(EventLoop& loop, const Clock& clock, Options options, Handler handler)
    : loop_(loop), clock_(clock), options_(options), handler_(std::move(handler)) {}

HttpServer::~HttpServer() {
  while (!connections_.empty()) End(*connections_.front());
}

void HttpServer::Serve(int fd) {
  if (connections_.size() >= options_.connections_max) {
    ::close(fd);
    return;
  }
  const auto connection = std::make_shared<Connection>();
  connection->fd = fd;
  connection->place = connections_.insert(connections_.end(), connection);
  Connection* raw = connection.get();
  connection->patience = loop_.NewTimer([this, raw] { End(*raw); });
  connection->patience->Set(clock_.Mono() +
                            std::chrono::duration_cast<MonoTime::duration>(options_.patience));
  auto source = loop_.OnReadable(fd, [this, raw] { Read(*raw); });
  if (!source.ok()) {
    spdlog::error("local requests: {}", std::string(source.status().message()));
    return End(*connection);
  }
  connection->source = *std::move(source);
}

void HttpServer::Read(Connection& connection) {
  char buffer[4096];
  const ssize_t count = ::recv(connection.fd, buffer, sizeof buffer, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return End(connection);
  connection.input.append(buffer, static_cast<size_t>(count));
  const bool complete = connection.input.find("\r\n\r\n") != std::string::npos ||
                        connection.input.find("\n\n") != std::string::npos;
  if (!complete) {
    if (connection.input.size() > options_.head_bytes_max) End(connection);
    return;
  }
  // What else it says is of no interest, and its end would be told of again and again.
  connection.source.reset();
  const absl::StatusOr<std::string> path = PathOfRequest(connection.input);
  connection.input = {};
  if (!path.ok()) {
    const int status = absl::IsUnimplemented(path.status()) ? 405 : 400;
    return Answer(connection, {status, HttpAnswer().content_type,
                               absl::StrCat(std::string(path.status().message()), "\n")});
  }
  const std::weak_ptr<Connection> asker = *connection.place;
  handler_(*path, [this, asker](const HttpAnswer& answer) {
    const std::shared_ptr<Connection> still = asker.lock();
    if (still != nullptr) Answer(*still, answer);
  });
}

void HttpServer::Answer(Connection& connection, const HttpAnswer& answer) {
  if (std::exchange(connection.asked, true)) return;
  connection.output = TextOf(answer);
  Write(connection);
}

void HttpServer::Write(Connection& connection) {
  while (connection.written < connection.output.size()) {
    const ssize_t count = ::send(connection.fd, connection.output.data() + connection.written,
                                 connection.output.size() - connection.written, MSG_NOSIGNAL);
    if (count >= 0) {
      connection.written += static_cast<size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) break;
    if (connection.source != nullptr) return;  // It is waited for already.
    auto source = loop_.OnWritable(connection.fd, [this, raw = &connection] { Write(*raw); });
    if (!source.ok()) break;
    connection.source = *std::move(source);
    return;
  }
  End(connection);
}

void HttpServer::End(Connection& connection) {
  connection.source.reset();
  connection.patience.reset();
  ::close(connection.fd);
  connections_.erase(connection.place);  // And with it, perhaps, the connection.
}

}  // namespace muster::agent
