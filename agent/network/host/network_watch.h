#pragma once

namespace muster::agent {

// Tells when a link, an address or a route of this network namespace changed: its descriptor
// becomes readable. Not thread-safe.
class NetworkWatch {
 public:
  NetworkWatch();
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  int fd() const { return fd_; }  // -1 when nothing can be watched.
  // After it was readable: takes what is there.
  void Drain();

 private:
  int fd_ = -1;
};

}  // namespace muster::agent
