#include "test/contract/runtime/private_containerd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

constexpr char kConfig[] = R"(version = 2
root = "DIR/root"
state = "DIR/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs","io.containerd.snapshotter.v1.btrfs","io.containerd.snapshotter.v1.devmapper","io.containerd.snapshotter.v1.zfs","io.containerd.internal.v1.opt","io.containerd.tracing.processor.v1.otlp","io.containerd.internal.v1.tracing"]
[grpc]
  address = "DIR/containerd.sock"
[ttrpc]
  address = "DIR/containerd.sock.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "docker.io/library/busybox:latest"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "DIR/cni"
)";

constexpr char kNetwork[] = R"({"cniVersion":"0.4.0","name":"contract","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,
  "ipam":{"type":"host-local","dataDir":"DIR/ipam","ranges":[[{"subnet":"10.222.0.0/24"}]]}}]}
)";

void Write(const std::string& path, const char* text, const std::string& directory) {
  std::ofstream(path) << absl::StrReplaceAll(text, {{"DIR", directory}});
}

bool CanFind(const char* program) {
  return std::system(absl::StrCat("command -v ", program, " >/dev/null").c_str()) == 0;
}

absl::Status FromErrno(const char* what) {
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// Empty directories in every hierarchy, whichever cgroup version.
void RemoveCgroups(const std::string& name) {
  std::error_code ignored;
  std::vector<fs::path> roots = {"/sys/fs/cgroup" + name};
  for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup", ignored)) {
    roots.push_back(entry.path() / name.substr(1));
  }
  for (const fs::path& root : roots) {
    std::vector<fs::path> all = {root};
    for (auto it = fs::recursive_directory_iterator(root, ignored);
         it != fs::recursive_directory_iterator(); it.increment(ignored)) {
      if (it->is_directory(ignored)) all.push_back(it->path());
    }
    for (auto it = all.rbegin(); it != all.rend(); ++it) ::rmdir(it->c_str());
  }
}

}  // namespace

absl::Status PrivateContainerd::Isolate() {
  if (::geteuid() != 0) return absl::FailedPreconditionError("this test has to run as root");
  for (const char* program : {"containerd", "ctr", "runc", "busybox", "unshare", "ip"}) {
    if (!CanFind(program)) {
      return absl::FailedPreconditionError(absl::StrCat("this test needs ", program));
    }
  }
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) return FromErrno("own namespaces");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return FromErrno("mounts");
  // Shims and network namespaces are kept below /run, whatever the configuration says.
  if (::mount("tmpfs", "/run", "tmpfs", 0, "mode=755") != 0) return FromErrno("own /run");
  ::mkdir("/run/netns", 0755);
  if (std::system("ip link set lo up") != 0) return FromErrno("loopback");
  return absl::OkStatus();
}

PrivateContainerd::PrivateContainerd() {
  std::string pattern = "/run/containerd-XXXXXX";
  MUSTER_CHECK(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  socket_ = directory_ + "/containerd.sock";
  cgroup_parent_ = absl::StrCat("/muster-contract-", ::getpid());
  Write(directory_ + "/config.toml", kConfig, directory_);
  ::mkdir((directory_ + "/cni").c_str(), 0755);
  if (has_pod_network()) Write(directory_ + "/cni/10.conflist", kNetwork, directory_);
  ServeEmptyRegistry();
  Launch();
  LoadImage();
}

bool PrivateContainerd::has_pod_network() const {
  return ::access("/usr/lib/cni/bridge", X_OK) == 0 &&
         ::access("/usr/lib/cni/host-local", X_OK) == 0;
}

void PrivateContainerd::Launch() {
  const std::string log = directory_ + "/log";
  // A shell as process 1 reaps what containerd and its shims leave. Shared mounts, as on a real
  // host, so that volumes can propagate.
  const std::string line = absl::StrCat("exec </dev/null >", log, " 2>&1; ",
                                        "mount --make-rshared / && containerd --config ",
                                        directory_, "/config.toml & wait");
  supervisor_ = ::fork();
  MUSTER_CHECK(supervisor_ >= 0);
  if (supervisor_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execlp("unshare", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c",
             line.c_str(), nullptr);
    ::_exit(127);
  }
  const std::string probe =
      absl::StrCat("ctr -a ", socket_, " --connect-timeout 1s version >/dev/null 2>&1");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::system(probe.c_str()) != 0) {
    if (std::chrono::steady_clock::now() > end) {
      std::fprintf(stderr, "containerd did not come up:\n");
      (void)!std::system(absl::StrCat("cat ", log, " >&2").c_str());
      std::abort();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void PrivateContainerd::LoadImage() {
  const std::string command = absl::StrCat(
      MUSTER_BUSYBOX_IMAGE_SH, " ", directory_, "/busybox.tar docker.io/library/busybox:latest && ",
      "ctr -a ", socket_, " -n k8s.io images import ", directory_, "/busybox.tar >/dev/null");
  MUSTER_CHECK(std::system(command.c_str()) == 0);
}

void PrivateContainerd::ServeEmptyRegistry() {
  registry_fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MUSTER_CHECK(::bind(registry_fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  MUSTER_CHECK(::listen(registry_fd_, 16) == 0);
  socklen_t length = sizeof address;
  ::getsockname(registry_fd_, reinterpret_cast<sockaddr*>(&address), &length);
  registry_port_ = ntohs(address.sin_port);
  std::thread([fd = registry_fd_] {
    // Ends when the socket is shut down.
    for (int client = ::accept(fd, nullptr, nullptr); client >= 0;
         client = ::accept(fd, nullptr, nullptr)) {
      char request[4096];
      constexpr char kNotFound[] =
          "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      if (::read(client, request, sizeof request) > 0) {
        (void)!::write(client, kNotFound, sizeof kNotFound - 1);
      }
      ::close(client);
    }
    ::close(fd);
  }).detach();
}

PrivateContainerd::~PrivateContainerd() {
  ::shutdown(registry_fd_, SHUT_RDWR);
  if (supervisor_ > 0) {
    // --kill-child takes process 1 of the pid namespace along, and with it all that is in there.
    ::kill(supervisor_, SIGKILL);
    ::waitpid(supervisor_, nullptr, 0);
  }
  // The last processes of the namespace go on their own time; their cgroups stay busy till then.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  const auto busy = [this] {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup", ignored)) {
      if (fs::exists(entry.path() / cgroup_parent_.substr(1), ignored)) return true;
    }
    return fs::exists("/sys/fs/cgroup" + cgroup_parent_, ignored);
  };
  do {
    RemoveCgroups(cgroup_parent_);
  } while (busy() && std::chrono::steady_clock::now() < end);
}

}  // namespace muster::agent
