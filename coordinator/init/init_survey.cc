#include "coordinator/init/init_survey.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/daemon/unix_socket.h"

namespace muster::coordinator {
namespace {

namespace fs = std::filesystem;

bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The directory itself, or what it would be made in.
absl::Status Writable(const std::string& directory) {
  std::string path = directory;
  while (path.size() > 1 && !Exists(path)) path.resize(std::max<size_t>(1, path.rfind('/')));
  if (::access(path.c_str(), W_OK) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write to ", path));
}

bool IsLoopback(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  if (address.sa_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  }
  return false;
}

void Resolve(const std::string& agent_address, InitSurvey& survey) {
  const absl::StatusOr<NetworkAddress> parts = ParseNetworkAddress(agent_address);
  if (!parts.ok()) {
    survey.name_resolves = parts.status();
    return;
  }
  addrinfo* addresses = nullptr;
  const int failed = ::getaddrinfo(parts->host.c_str(), nullptr, nullptr, &addresses);
  if (failed != 0) {
    survey.name_resolves = absl::NotFoundError(
        absl::StrCat("the name ", parts->host, " is not found: ", ::gai_strerror(failed)));
    return;
  }
  survey.only_loopback = true;
  for (const addrinfo* at = addresses; at != nullptr; at = at->ai_next) {
    survey.only_loopback = survey.only_loopback && IsLoopback(*at->ai_addr);
  }
  ::freeaddrinfo(addresses);
}

// Whether somebody takes connections on the port, seen from this host.
bool Taken(const std::string& listen) {
  const absl::StatusOr<NetworkAddress> parts = ParseNetworkAddress(listen);
  if (!parts.ok() || !parts->port) return false;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(*parts->port));
  // Wherever it is bound, the loopback reaches what is bound to all; another address is its own.
  if (::inet_pton(AF_INET, parts->host.c_str(), &address.sin_addr) != 1 ||
      address.sin_addr.s_addr == 0) {
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool taken =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return taken;
}

}  // namespace

InitSurvey SurveyForInit(const Settings& settings, const std::string& settings_path,
                         const std::string& agent_address) {
  InitSurvey survey;
  survey.is_root = ::geteuid() == 0;
  survey.settings_path = settings_path;
  survey.settings_there = Exists(settings_path);
  survey.state_dir = settings.state_dir;
  survey.store_there = Exists(settings.state_dir + "/muster.db");
  survey.state_writable = Writable(settings.state_dir);
  survey.agent_address = agent_address;
  Resolve(agent_address, survey);
  survey.listen = settings.listen;
  survey.running = SomebodyListensAt(settings.admin_socket);
  survey.listen_taken = Taken(settings.listen);
  for (const char* directory : {"/lib", "/usr/lib", "/etc"}) {
    survey.unit_known =
        survey.unit_known ||
        Exists(absl::StrCat(directory, "/systemd/system/muster-coordinator.service"));
  }
  std::error_code error;
  survey.unit_enabled = fs::is_symlink(
      "/etc/systemd/system/multi-user.target.wants/muster-coordinator.service", error);
  return survey;
}

}  // namespace muster::coordinator
