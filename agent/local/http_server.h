#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "agent/local/http_text.h"
#include "common/daemon/event_loop.h"

namespace muster::agent {

// Answers GET requests of programs on this host, one per connection, on the loop thread and without
// ever blocking it. Whoever is slow, silent or says too much is hung up on; beyond
// `connections_max` at a time nobody is let in. Costs nothing while nobody asks.
//
// Loop thread only; goes before the loop.
class HttpServer {
 public:
  struct Options {
    size_t connections_max = 16;
    size_t head_bytes_max = 8 << 10;
    Duration patience{std::chrono::seconds(10)};  // From the first to the last byte.
  };
  // To be called once, on the loop thread, now or later; also when the asker is gone by then.
  using Reply = std::function<void(const HttpAnswer&)>;
  using Handler = std::function<void(const std::string& path, Reply reply)>;

  HttpServer(EventLoop& loop, const Clock& clock, Options options, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Takes over a connection, which must not block.
  void Serve(int fd);

  size_t connections() const { return connections_.size(); }

 private:
  struct Connection;
  using Place = std::list<std::shared_ptr<Connection>>::iterator;

  void Read(Connection& connection);
  void Answer(Connection& connection, const HttpAnswer& answer);
  void Write(Connection& connection);
  void End(Connection& connection);

  EventLoop& loop_;
  const Clock& clock_;
  const Options options_;
  const Handler handler_;
  std::list<std::shared_ptr<Connection>> connections_;
};

}  // namespace muster::agent
