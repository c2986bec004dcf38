#include "agent/doctor/look.h"

#include <linux/magic.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <future>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/doctor/firewall.h"
#include "agent/enrol/node_identity.h"
#include "agent/host/linux_host.h"
#include "agent/network/host/nftables.h"
#include "agent/network/pod_network.h"
#include "common/base/text_file.h"
#include "common/pki/pki.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr int kCapSysAdmin = 21;
constexpr size_t kFileMax = 4 << 20;

bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string Read(const std::string& path) { return ReadFile(path, kFileMax).value_or(""); }

int64_t ReadNumber(const std::string& path) {
  int64_t number = 0;
  (void)absl::SimpleAtoi(absl::StripAsciiWhitespace(Read(path)), &number);
  return number;
}

// The directory itself, or what it would be made in.
std::string ExistingPart(std::string path) {
  while (path.size() > 1 && !Exists(path)) path.resize(std::max<size_t>(1, path.rfind('/')));
  return path;
}

absl::Status Writable(const std::string& directory) {
  const std::string path = ExistingPart(directory);
  if (::access(path.c_str(), W_OK) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write to ", path));
}

// One of the addresses takes a connection.
absl::Status TryConnect(const addrinfo* addresses, milliseconds patience) {
  absl::Status status = absl::NotFoundError("it has no address");
  for (const addrinfo* at = addresses; at != nullptr; at = at->ai_next) {
    const int fd = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) continue;
    int error = ::connect(fd, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      pollfd poll = {fd, POLLOUT, 0};
      socklen_t size = sizeof error;
      if (::poll(&poll, 1, static_cast<int>(patience.count())) != 1) {
        error = ETIMEDOUT;
      } else if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
      }
    }
    ::close(fd);
    if (error == 0) return absl::OkStatus();
    status = absl::ErrnoToStatus(error, "it does not answer");
  }
  return status;
}

void LookForCoordinator(Survey& survey, milliseconds patience) {
  const size_t colon = survey.coordinator.rfind(':');
  if (colon == std::string::npos) return;
  std::string host = survey.coordinator.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* addresses = nullptr;
  const int failed =
      ::getaddrinfo(host.c_str(), survey.coordinator.c_str() + colon + 1, &hints, &addresses);
  if (failed != 0) {
    survey.coordinator_name =
        absl::NotFoundError(absl::StrCat(host, " is not found: ", ::gai_strerror(failed)));
    return;
  }
  survey.coordinator_port = TryConnect(addresses, patience);
  ::freeaddrinfo(addresses);
}

void LookAtIdentity(Survey& survey) {
  const absl::StatusOr<NodeIdentity> identity = LoadNodeIdentity(survey.state_dir);
  survey.identity = identity.status();
  if (!identity.ok()) return;
  survey.node_name = identity->node_name;
  const auto certificate = pki::ParseCertificate(identity->certificate_pem);
  if (!certificate.ok()) {
    survey.identity = certificate.status();
    return;
  }
  survey.certificate_begins = certificate->not_before;
  survey.certificate_ends = certificate->not_after;
}

void AskRuntime(Survey& survey, Runtime& runtime, milliseconds patience) {
  auto answered = std::make_shared<std::promise<absl::StatusOr<RuntimeInfo>>>();
  auto answer = answered->get_future();
  runtime.Info([answered](absl::StatusOr<RuntimeInfo> info) { answered->set_value(info); });
  if (answer.wait_for(patience) != std::future_status::ready) {
    survey.runtime = absl::DeadlineExceededError(
        absl::StrCat("it does not answer within ", patience.count() / 1000, " s"));
    return;
  }
  absl::StatusOr<RuntimeInfo> info = answer.get();
  survey.runtime = info.status();
  if (info.ok()) survey.runtime_info = *std::move(info);
}

void LookAtRuntime(Survey& survey, const std::string& root, Runtime& runtime,
                   milliseconds patience) {
  std::string path = survey.runtime_endpoint;
  if (path.starts_with("unix://")) path = path.substr(7);
  survey.runtime_socket = Exists(root + path);
  for (const char* known : {"/run/containerd/containerd.sock", "/run/crio/crio.sock"}) {
    if (Exists(root + known)) survey.runtime_sockets.push_back(known);
  }
  if (survey.runtime_socket) AskRuntime(survey, runtime, patience);
}

void LookAtCni(Survey& survey, const std::string& root, const Settings& settings) {
  survey.cni_config_dir = settings.cni_config_dir;
  survey.own_cni_config = kCniConfigName;
  survey.bridge_wanted = settings.network_kind == kBridgeNetwork;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root + survey.cni_config_dir, error)) {
    const std::string ending = entry.path().extension();
    if (ending == ".conf" || ending == ".conflist" || ending == ".json") {
      survey.cni_configs.push_back(entry.path().filename());
    }
  }
  std::ranges::sort(survey.cni_configs);
  for (const char* plugin : {"loopback", "bridge", "host-local", "portmap"}) {
    const bool found = Exists(root + "/opt/cni/bin/" + plugin) ||
                       Exists(root + "/usr/lib/cni/" + plugin) ||
                       Exists(root + "/usr/libexec/cni/" + plugin);
    if (!found) survey.cni_missing.push_back(plugin);
  }
  for (const char* directory : {"/usr/sbin", "/sbin", "/usr/bin"}) {
    survey.has_iptables = survey.has_iptables || Exists(root + directory + "/iptables");
  }
}

// The interface with the route to everywhere; "" when there is none.
std::string Uplink(const std::string& root) {
  for (const absl::string_view line : absl::StrSplit(Read(root + "/proc/net/route"), '\n')) {
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::ByAnyChar("\t "), absl::SkipEmpty());
    if (fields.size() > 1 && fields[1] == "00000000") return fields[0];
  }
  return "";
}

// Only tables that matter: others can be large. What nftables does not show (rules of
// iptables-legacy) is not seen.
void LookAtFirewall(Survey& survey, const std::string& root) {
  survey.pod_bridge = kBridgeName;
  survey.uplink = Uplink(root);
  if (!survey.bridge_wanted) return;
  Nftables nftables;
  for (const std::string& table : ForwardingTables(nftables.Ask("list chains").value_or(""))) {
    absl::StrAppend(&survey.firewall,
                    nftables.Ask(absl::StrCat("list table ", table)).value_or(""));
  }
}

void LookAtControlGroups(Survey& survey, const std::string& root) {
  const std::string unified = Read(root + "/sys/fs/cgroup/cgroup.controllers");
  survey.cgroup_v2 = Exists(root + "/sys/fs/cgroup/cgroup.controllers");
  if (survey.cgroup_v2) {
    survey.cgroup_controllers =
        absl::StrSplit(absl::StripAsciiWhitespace(unified), ' ', absl::SkipEmpty());
    return;
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root + "/sys/fs/cgroup", error)) {
    survey.cgroup_controllers.push_back(entry.path().filename());
  }
}

void LookAtKernel(Survey& survey, const std::string& root) {
  survey.has_overlayfs = Read(root + "/proc/filesystems").find("\toverlay\n") != std::string::npos;
  survey.ip_forward = ReadNumber(root + "/proc/sys/net/ipv4/ip_forward") == 1;
  survey.inotify_instances_max = ReadNumber(root + "/proc/sys/fs/inotify/max_user_instances");
  survey.may_mount = HasCapability(Read(root + "/proc/self/status"), kCapSysAdmin);
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
  survey.has_pidfd = pidfd >= 0;
  if (pidfd >= 0) ::close(pidfd);
  timex state = {};
  survey.clock_synchronized = ::adjtimex(&state) != TIME_ERROR;
}

void LookAtState(Survey& survey, const std::string& log_dir) {
  survey.state_writable = Writable(survey.state_dir);
  survey.logs_writable = Writable(log_dir);
  const std::string path = ExistingPart(survey.state_dir);
  struct statvfs room = {};
  if (::statvfs(path.c_str(), &room) == 0) {
    survey.state_bytes_free =
        static_cast<int64_t>(room.f_bavail) * static_cast<int64_t>(room.f_frsize);
    survey.state_files_free = static_cast<int64_t>(room.f_favail);
    // File systems without a table of inodes have no limit to tell.
    if (room.f_files == 0) survey.state_files_free = INT64_MAX;
  }
  struct statfs kind = {};
  if (::statfs(path.c_str(), &kind) == 0 && kind.f_type == TMPFS_MAGIC) {
    survey.state_filesystem = "tmpfs";
  }
}

void LookAtUnit(Survey& survey, const std::string& root) {
  for (const char* directory : {"/lib", "/usr/lib", "/etc"}) {
    survey.unit_known =
        survey.unit_known || Exists(root + directory + "/systemd/system/muster-agent.service");
  }
  std::error_code error;
  survey.unit_enabled = fs::is_symlink(
      root + "/etc/systemd/system/multi-user.target.wants/muster-agent.service", error);
}

}  // namespace

Survey LookAtHost(const Settings& settings, const absl::Status& settings_status,
                  const std::string& settings_path, Runtime& runtime, const Clock& clock,
                  const LookOptions& options) {
  Survey survey;
  survey.now = clock.Wall();
  survey.is_root = ::geteuid() == 0;
  survey.settings = settings_status;
  survey.settings_path = settings_path;
  survey.settings_there = Exists(settings_path);
  survey.coordinator = settings.coordinator;
  survey.state_dir = settings.state_dir;
  survey.runtime_endpoint = settings.runtime_endpoint;
  LookAtIdentity(survey);
  LookForCoordinator(survey, options.patience);
  LookAtUnit(survey, options.root);
  LookAtRuntime(survey, options.root, runtime, options.patience);
  LookAtCni(survey, options.root, settings);
  LookAtFirewall(survey, options.root);
  LookAtControlGroups(survey, options.root);
  LookAtKernel(survey, options.root);
  LookAtState(survey, settings.log_dir);
  LinuxHost host({.root = options.root, .storage_path = settings.pods_root()});
  const absl::StatusOr<HostFacts> facts = host.Facts();
  survey.facts_status = facts.status();
  if (facts.ok()) survey.facts = *facts;
  return survey;
}

}  // namespace muster::agent
