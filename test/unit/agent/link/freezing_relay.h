#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "common/base/macros.h"

namespace muster::agent {

// Passes one connection on to another unix socket, until it is told to freeze: then it takes and
// gives nothing more, but closes nothing either.
class FreezingRelay {
 public:
  FreezingRelay(const std::string& from, const std::string& to) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = Address(from);
    MUSTER_CHECK(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                 0);
    MUSTER_CHECK(::listen(listener_, 1) == 0);
    MUSTER_CHECK(::pipe(wake_) == 0);
    thread_ = std::thread([this, to] { Run(to); });
  }
  FreezingRelay(const FreezingRelay&) = delete;
  FreezingRelay& operator=(const FreezingRelay&) = delete;
  ~FreezingRelay() {
    Freeze();
    thread_.join();
    for (int fd : {listener_, near_, far_, wake_[0], wake_[1]}) {
      if (fd >= 0) ::close(fd);
    }
  }

  void Freeze() {
    if (!frozen_.exchange(true)) MUSTER_CHECK(::write(wake_[1], "x", 1) == 1);
  }

 private:
  static sockaddr_un Address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
  }

  static bool Pass(int from, int to) {
    char buffer[4096];
    const ssize_t got = ::read(from, buffer, sizeof buffer);
    return got > 0 && ::write(to, buffer, got) == got;
  }

  void Run(const std::string& to) {
    pollfd first[] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    MUSTER_CHECK(::poll(first, 2, -1) > 0);
    if (first[1].revents != 0) return;
    near_ = ::accept(listener_, nullptr, nullptr);
    far_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = Address(to);
    MUSTER_CHECK(::connect(far_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    while (true) {
      pollfd fds[] = {{near_, POLLIN, 0}, {far_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
      MUSTER_CHECK(::poll(fds, 3, -1) > 0);
      if (fds[2].revents != 0) return;
      if (fds[0].revents != 0 && !Pass(near_, far_)) return;
      if (fds[1].revents != 0 && !Pass(far_, near_)) return;
    }
  }

  int listener_ = -1, near_ = -1, far_ = -1;
  int wake_[2] = {-1, -1};
  std::atomic<bool> frozen_ = false;
  std::thread thread_;
};

}  // namespace muster::agent
