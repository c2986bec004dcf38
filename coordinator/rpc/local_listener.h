#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/daemon/event_loop.h"

namespace muster::coordinator {

// The admin socket of this host. Root may connect, and who the coordinator itself runs as; nobody
// else can even open it (mode 0600), and each connection's peer credentials are checked on top.
//
// Lives on the loop thread, and goes before the loop. Removes its socket file when it goes.
class LocalListener {
 public:
  // Takes over the connection, which does not block.
  using OnConnection = std::function<void(int fd)>;

  // Makes the directory if needed. FailedPrecondition when somebody listens there already.
  static absl::StatusOr<std::unique_ptr<LocalListener>> Listen(const std::string& path,
                                                               EventLoop& loop,
                                                               OnConnection on_connection);
  ~LocalListener();
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;

 private:
  LocalListener(std::string path, int fd, OnConnection on_connection);
  void Accept();

  const std::string path_;
  const int fd_;
  const OnConnection on_connection_;
  bool bound_ = false;  // The file is ours.
  std::unique_ptr<EventLoop::Source> source_;
};

}  // namespace muster::coordinator
