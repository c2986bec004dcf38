#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/daemon/event_loop.h"

namespace muster {

// A unix socket that programs on this host connect to. Root may connect, and who the daemon itself
// runs as, and the members of `group`; nobody else can even open it (mode 0600, or 0660 with a
// group), and each connection's peer credentials are checked on top.
//
// Where systemd has made the socket for the service (a .socket unit of the same path), that one is
// taken, stays when the listener goes, and holds what connects until the next one is there
// (kept_socket.h).
//
// Lives on the loop thread, and goes before the loop. Removes the socket file that it has made.
class LocalListener {
 public:
  struct Options {
    std::string path;
    std::string what;                 // For messages: "admin socket".
    std::optional<gid_t> group = {};  // May connect, too.
  };
  // Takes over the connection, which does not block.
  using OnConnection = std::function<void(int fd)>;

  // Makes the directory if needed. FailedPrecondition when somebody listens there already.
  static absl::StatusOr<std::unique_ptr<LocalListener>> Listen(Options options, EventLoop& loop,
                                                               OnConnection on_connection);
  ~LocalListener();
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;

 private:
  LocalListener(Options options, int fd, OnConnection on_connection);
  void Accept(int door);
  bool MayConnect(int fd, uid_t user, gid_t group) const;

  struct Door {
    int fd;
    std::unique_ptr<EventLoop::Source> source;
  };

  const Options options_;
  const OnConnection on_connection_;
  bool bound_ = false;       // We have made the file.
  std::vector<Door> doors_;  // The one of the path, and those of before that systemd has kept.
};

}  // namespace muster
