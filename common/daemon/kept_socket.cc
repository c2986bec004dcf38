#include "common/daemon/kept_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/daemon/unix_socket.h"
#include "spdlog/spdlog.h"

namespace muster {
namespace {

// How ours are called in the store; the one of a .socket unit has the unit's name.
constexpr char kStored[] = "earlier";

struct Free {
  void operator()(char** names) const {
    if (names == nullptr) return;
    for (char** name = names; *name != nullptr; ++name) std::free(*name);
    std::free(names);
  }
};

bool IsSocket(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

}  // namespace

KeptSockets FindKeptSockets(const std::string& path, const std::string& what) {
  KeptSockets found;
  char** list = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/0, &list);
  const std::unique_ptr<char*, Free> names(list);
  bool others = false;
  for (int i = 0; i < count; ++i) {
    const int fd = SD_LISTEN_FDS_START + i;
    const bool stored = std::strcmp(names.get()[i], kStored) == 0;
    if (sd_is_socket_unix(fd, SOCK_STREAM, 1, path.c_str(), 0) <= 0) {
      // What else a service stores is no socket.
      others = others || (!stored && sd_is_socket(fd, AF_UNSPEC, 0, 1) > 0);
    } else if (stored) {
      found.earlier.push_back(fd);
    } else if (found.current < 0 && IsSocket(path)) {  // Nobody finds one whose file is gone.
      found.current = fd;
    }
  }
  // Those that listened at this path and were no systemd's ended with their processes, so if one
  // still does it is the last that was stored.
  if (found.current < 0 && !found.earlier.empty() && SomebodyListensAt(path)) {
    found.current = found.earlier.back();
    found.earlier.pop_back();
  }
  if (found.current < 0 && others) {
    spdlog::warn(
        "{} {} is none of the sockets that systemd keeps for this service: whoever connects to"
        " those gets no answer; set ListenStream= of the .socket unit",
        what, path);
  }
  return found;
}

void KeepSocket(int fd) {
  // A failure means that systemd does not listen, which we can do nothing about.
  (void)sd_notify(/*unset_environment=*/0,
                  absl::StrCat("FDSTOREREMOVE=1\nFDNAME=", kStored).c_str());
  (void)sd_pid_notify_with_fds(0, /*unset_environment=*/0,
                               absl::StrCat("FDSTORE=1\nFDNAME=", kStored).c_str(), &fd, 1);
}

}  // namespace muster
