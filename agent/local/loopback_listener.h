#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/daemon/event_loop.h"

namespace muster::agent {

// A TCP port that only this host can reach. Loop thread only; goes before the loop.
class LoopbackListener {
 public:
  // Takes over the connection, which does not block.
  using OnConnection = std::function<void(int fd)>;

  // "127.0.0.1:7442" or "[::1]:7442"; InvalidArgument for anything but a loopback address and a
  // port, Unavailable when it cannot be had.
  static absl::StatusOr<std::unique_ptr<LoopbackListener>> Listen(const std::string& address,
                                                                  EventLoop& loop,
                                                                  OnConnection on_connection);
  ~LoopbackListener();
  LoopbackListener(const LoopbackListener&) = delete;
  LoopbackListener& operator=(const LoopbackListener&) = delete;

  int port() const;

 private:
  LoopbackListener(int fd, OnConnection on_connection);
  void Accept();

  const int fd_;
  const OnConnection on_connection_;
  std::unique_ptr<EventLoop::Source> source_;
};

}  // namespace muster::agent
