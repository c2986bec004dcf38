#include "test/contract/runtime/private_containerd.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

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
  sandbox_image = "SANDBOX_IMAGE"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "DIR/cni-bin"
    conf_dir = "DIR/cni"
)";

constexpr char kNetwork[] = R"({"cniVersion":"0.4.0","name":"contract","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,
  "ipam":{"type":"host-local","dataDir":"DIR/ipam","ranges":[[{"subnet":"10.222.0.0/24"}]]}},
 {"type":"portmap","snat":true,"capabilities":{"portMappings":true}}]}
)";

// Stands before the plug-in that it is named after.
constexpr char kBridge[] = R"(#!/bin/sh
if [ "$CNI_COMMAND" = ADD ] && [ -e DIR/hold-network ]; then
  touch DIR/network-held
  while [ -e DIR/hold-network ]; do sleep 0.02; done
fi
exec /usr/lib/cni/bridge
)";
constexpr const char* kPlugins[] = {"bridge", "host-local", "portmap"};

void Write(const std::string& path, const std::string& text, const std::string& directory) {
  std::ofstream(path) << absl::StrReplaceAll(text, {{"DIR", directory}});
}

void AwaitOrAbort(const char* what, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) {
      std::fprintf(stderr, "waited in vain for %s\n", what);
      std::abort();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
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

PrivateContainerd::PrivateContainerd(const Settings& settings) {
  std::string pattern = "/run/containerd-XXXXXX";
  MUSTER_CHECK(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  socket_ = directory_ + "/containerd.sock";
  cgroup_parent_ = absl::StrCat("/muster-contract-", ::getpid());
  registry_ = std::make_unique<StubRegistry>();
  Write(directory_ + "/config.toml",
        absl::StrReplaceAll(kConfig, {{"SANDBOX_IMAGE", settings.sandbox_image}}), directory_);
  ::mkdir((directory_ + "/cni").c_str(), 0755);
  if (settings.network && has_pod_network()) ConfigureNetwork();
  Launch();
  LoadImage();
}

bool PrivateContainerd::has_pod_network() const {
  return std::all_of(std::begin(kPlugins), std::end(kPlugins), [](const char* plugin) {
    return ::access(absl::StrCat("/usr/lib/cni/", plugin).c_str(), X_OK) == 0;
  });
}

void PrivateContainerd::ConfigureNetwork() {
  const std::string programs = directory_ + "/cni-bin/";
  fs::create_directory(programs);
  for (const auto& plugin : fs::directory_iterator("/usr/lib/cni")) {
    const std::string name = plugin.path().filename();
    if (name != "bridge") fs::create_symlink(plugin.path(), programs + name);
  }
  Write(programs + "bridge", kBridge, directory_);
  MUSTER_CHECK(::chmod((programs + "bridge").c_str(), 0755) == 0);
  Write(directory_ + "/cni/10.conflist", kNetwork, directory_);
}

void PrivateContainerd::Launch() {
  // A shell as process 1 reaps what containerd and its shims leave, and starts it again unless it
  // is to stay away. Shared mounts, as on a real host, so that volumes can propagate.
  const std::string line = absl::StrReplaceAll(
      "exec </dev/null >>DIR/log 2>&1; mount --make-rshared /; while :; do "
      "if [ -e DIR/away ]; then sleep 0.02; continue; fi; "
      "containerd --config DIR/config.toml & echo $! >DIR/pid; wait $!; done",
      {{"DIR", directory_}});
  supervisor_ = ::fork();
  MUSTER_CHECK(supervisor_ >= 0);
  if (supervisor_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execlp("unshare", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c",
             line.c_str(), nullptr);
    ::_exit(127);
  }
  AwaitAnswer();
}

void PrivateContainerd::AwaitAnswer() const {
  const std::string probe =
      absl::StrCat("ctr -a ", socket_, " --connect-timeout 1s version >/dev/null 2>&1");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::system(probe.c_str()) != 0) {
    if (std::chrono::steady_clock::now() > end) {
      std::fprintf(stderr, "containerd did not come up:\n");
      (void)!std::system(absl::StrCat("cat ", directory_, "/log >&2").c_str());
      std::abort();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

int PrivateContainerd::RunInside(const std::string& line) const {
  const std::string children =
      absl::StrCat("/proc/", supervisor_, "/task/", supervisor_, "/children");
  const std::string target = std::to_string(std::atoi(ReadFile(children).value_or("").c_str()));
  const pid_t child = ::fork();
  MUSTER_CHECK(child >= 0);
  if (child == 0) {
    ::execlp("nsenter", "nsenter", "--target", target.c_str(), "--pid", "--mount", "bash", "-c",
             line.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  MUSTER_CHECK(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void PrivateContainerd::Down(int signal) {
  Write(directory_ + "/away", "", "");
  MUSTER_CHECK(RunInside(absl::StrCat("pid=$(cat ", directory_, "/pid) && kill -", signal,
                                      " $pid && while [ -e /proc/$pid ]; do sleep 0.01; done")) ==
               0);
}

void PrivateContainerd::Up() {
  fs::remove(directory_ + "/away");
  AwaitAnswer();
}

void PrivateContainerd::Reboot() {
  EndAll();
  for (const auto& entry : fs::directory_iterator("/run")) {
    if (entry.path() != directory_) fs::remove_all(entry.path());
  }
  ::mkdir("/run/netns", 0755);
  fs::remove_all(directory_ + "/state");
  fs::remove(socket_);
  fs::remove(socket_ + ".ttrpc");
  Launch();
}

void PrivateContainerd::HoldNetwork() { Write(directory_ + "/hold-network", "", ""); }

void PrivateContainerd::AwaitHeldNetwork() const {
  AwaitOrAbort("a sandbox to ask for its network",
               [this] { return fs::exists(directory_ + "/network-held"); });
}

void PrivateContainerd::ReleaseNetwork() {
  fs::remove(directory_ + "/hold-network");
  fs::remove(directory_ + "/network-held");
}

void PrivateContainerd::LoadImage() {
  const std::string command = absl::StrCat(
      MUSTER_BUSYBOX_IMAGE_SH, " ", directory_, "/busybox.tar docker.io/library/busybox:latest && ",
      "ctr -a ", socket_, " -n k8s.io images import ", directory_, "/busybox.tar >/dev/null && ",
      "tar -C ", directory_, " -xf ", directory_, "/busybox.tar layer.tar");
  MUSTER_CHECK(std::system(command.c_str()) == 0);
  registry_->set_layer(*ReadFile(directory_ + "/layer.tar"));
}

PrivateContainerd::~PrivateContainerd() { EndAll(); }

void PrivateContainerd::EndAll() {
  if (supervisor_ > 0) {
    // --kill-child takes process 1 of the pid namespace along, and with it all that is in there.
    ::kill(supervisor_, SIGKILL);
    ::waitpid(supervisor_, nullptr, 0);
    supervisor_ = -1;
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
