#include "common/daemon/local_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"
#include "common/daemon/kept_socket.h"
#include "common/daemon/unix_socket.h"
#include "spdlog/spdlog.h"

namespace muster {
namespace {

using Options = LocalListener::Options;

constexpr int kBacklog = 64;

std::string Named(const Options& options) { return absl::StrCat(options.what, " ", options.path); }

absl::Status SocketError(const Options& options, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(Named(options), ": ", what));
}

absl::StatusOr<sockaddr_un> AddressOf(const Options& options) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (options.path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat(Named(options), ": longer than ", sizeof address.sun_path - 1, " bytes"));
  }
  std::memcpy(address.sun_path, options.path.c_str(), options.path.size() + 1);
  return address;
}

absl::Status RemoveStale(const Options& options) {
  if (SomebodyListensAt(options.path)) {
    return absl::FailedPreconditionError(
        absl::StrCat(Named(options), ": another process listens there"));
  }
  struct stat info;
  if (::lstat(options.path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(Named(options), ": there is something else of this name"));
  }
  if (::unlink(options.path.c_str()) != 0) {
    return SocketError(options, "cannot remove the old one");
  }
  return absl::OkStatus();
}

// A daemon whose own group it is need not give it away, and its unit may forbid it to.
bool BelongsTo(gid_t group, const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0 && info.st_gid == group;
}

bool IsIn(gid_t group, int fd) {
  // The kernel says how many there are when there is not room for them.
  socklen_t size = 0;
  std::vector<gid_t> groups;
  while (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) {
    if (errno != ERANGE) return false;
    groups.resize(size / sizeof(gid_t));
  }
  groups.resize(size / sizeof(gid_t));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalListener>> LocalListener::Listen(Options options,
                                                                     EventLoop& loop,
                                                                     OnConnection on_connection) {
  MUSTER_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(options));
  const std::string path = options.path;
  const KeptSockets kept = FindKeptSockets(path, options.what);
  int fd = kept.current;
  const bool inherited = fd >= 0;
  if (!inherited) {
    MUSTER_RETURN_IF_ERROR(MakeDirectories(path.substr(0, path.rfind('/')), 0755));
    MUSTER_RETURN_IF_ERROR(RemoveStale(options));
    fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return SocketError(options, "cannot make a socket");
  }
  // Owns the descriptor from here on.
  std::unique_ptr<LocalListener> listener(
      new LocalListener(std::move(options), fd, std::move(on_connection)));
  const Options& named = listener->options_;
  for (const int earlier : kept.earlier) {
    listener->doors_.push_back({earlier, nullptr});
  }
  if (!inherited) {
    // The mode of the socket itself becomes the mode of its file: nobody else, at no moment.
    if (::fchmod(fd, 0600) != 0 ||
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return SocketError(named, "cannot be made");
    }
    listener->bound_ = true;
  }
  if (named.group && !BelongsTo(*named.group, path) &&
      ::chown(path.c_str(), static_cast<uid_t>(-1), *named.group) != 0) {
    return SocketError(named, "cannot be given to its group");
  }
  if (::chmod(path.c_str(), named.group ? 0660 : 0600) != 0 ||
      (!inherited && ::listen(fd, kBacklog) != 0)) {
    return SocketError(named, "cannot listen");
  }
  for (Door& door : listener->doors_) {
    const int flags = ::fcntl(door.fd, F_GETFL);
    if (flags < 0 || ::fcntl(door.fd, F_SETFL, flags | O_NONBLOCK) != 0) {
      return SocketError(named, "cannot be made non-blocking");
    }
    MUSTER_ASSIGN_OR_RETURN(
        door.source,
        loop.OnReadable(door.fd, [l = listener.get(), at = door.fd] { l->Accept(at); }));
  }
  if (inherited) KeepSocket(fd);
  return listener;
}

LocalListener::LocalListener(Options options, int fd, OnConnection on_connection)
    : options_(std::move(options)), on_connection_(std::move(on_connection)) {
  doors_.push_back({fd, nullptr});
}

LocalListener::~LocalListener() {
  for (Door& door : doors_) {
    door.source.reset();
    ::close(door.fd);
  }
  if (bound_) ::unlink(options_.path.c_str());
}

// Its first group need not be among the others, as those of a service.
bool LocalListener::MayConnect(int fd, uid_t user, gid_t group) const {
  return user == 0 || user == ::geteuid() ||
         (options_.group && (group == *options_.group || IsIn(*options_.group, fd)));
}

void LocalListener::Accept(int door) {
  const int fd = ::accept4(door, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
      spdlog::error("{}: cannot accept: {}", options_.what, std::strerror(errno));
    }
    return;
  }
  ucred peer = {};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (!known || !MayConnect(fd, peer.uid, peer.gid)) {
    spdlog::warn("{}: refused process {} of user {}", options_.what, peer.pid, peer.uid);
    ::close(fd);
    return;
  }
  on_connection_(fd);
}

}  // namespace muster
