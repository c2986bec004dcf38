#include "coordinator/rpc/local_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr int kBacklog = 64;

absl::Status SocketError(const std::string& path, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat("admin socket ", path, ": ", what));
}

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat("admin socket ", path, ": longer than ", sizeof address.sun_path - 1,
                     " bytes"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// A file that a coordinator left behind when it was killed does not answer.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SocketError(path, "cannot make a socket");
  const bool answers =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  if (answers) {
    return absl::FailedPreconditionError(
        absl::StrCat("admin socket ", path, ": another coordinator listens there"));
  }
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("admin socket ", path, ": there is something else of this name"));
  }
  if (::unlink(path.c_str()) != 0) return SocketError(path, "cannot remove the old one");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalListener>> LocalListener::Listen(const std::string& path,
                                                                     EventLoop& loop,
                                                                     OnConnection on_connection) {
  MUSTER_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  MUSTER_RETURN_IF_ERROR(MakeDirectories(path.substr(0, path.rfind('/')), 0755));
  MUSTER_RETURN_IF_ERROR(RemoveStale(path, address));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return SocketError(path, "cannot make a socket");
  // Owns the descriptor from here on.
  std::unique_ptr<LocalListener> listener(new LocalListener(path, fd, std::move(on_connection)));
  // The mode of the socket itself becomes the mode of its file: nobody else, at no moment.
  if (::fchmod(fd, 0600) != 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return SocketError(path, "cannot be made");
  }
  listener->bound_ = true;
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(fd, kBacklog) != 0) {
    return SocketError(path, "cannot listen");
  }
  MUSTER_ASSIGN_OR_RETURN(listener->source_,
                          loop.OnReadable(fd, [l = listener.get()] { l->Accept(); }));
  return listener;
}

LocalListener::LocalListener(std::string path, int fd, OnConnection on_connection)
    : path_(std::move(path)), fd_(fd), on_connection_(std::move(on_connection)) {}

LocalListener::~LocalListener() {
  source_.reset();
  ::close(fd_);
  if (bound_) ::unlink(path_.c_str());
}

void LocalListener::Accept() {
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
      spdlog::error("admin socket: cannot accept: {}", std::strerror(errno));
    }
    return;
  }
  ucred peer = {};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (!known || (peer.uid != 0 && peer.uid != ::geteuid())) {
    spdlog::warn("admin socket: refused process {} of user {}", peer.pid, peer.uid);
    ::close(fd);
    return;
  }
  on_connection_(fd);
}

}  // namespace muster::coordinator
