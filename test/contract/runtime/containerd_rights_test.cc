// What a container of a real containerd gets to see and may do: network, mounts, rights, limits.
// What the agent must refuse or send because the runtime would not.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "test/contract/runtime/on_containerd.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What a server at that port says; empty when there is none.
std::string AskPort(const std::string& address, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  const timeval patience{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char text[64];
  ssize_t count = 0;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
    count = ::read(fd, text, sizeof text);
  }
  ::close(fd);
  return std::string(text, std::max<ssize_t>(count, 0));
}

class ContainerdRights : public OnContainerd {
 protected:
  void SetUp() override {
    OnContainerd::SetUp();
    directory_ = absl::StrCat(containerd().directory(), "/volumes-", sandbox_.uid);
    fs::create_directory(directory_);
  }
  // A directory below the test's own with a file `name` in it.
  std::string Directory(const std::string& name) {
    const std::string path = directory_ + "/" + name;
    fs::create_directories(path);
    EXPECT_TRUE(WriteFileAtomically(path + "/is", name, 0644).ok());
    return path;
  }
  void Mounts(const std::string& container_path, const std::string& host_path,
              MountPropagation propagation = MountPropagation::kPrivate) {
    container_.mounts.push_back({container_path, host_path, false, false, propagation});
  }
  // The effective capabilities of the first process.
  std::string Capabilities() {
    const std::string id = Idle();
    return Output(id, "sed -n 's/^CapEff:.//p' /proc/1/status | tr -d '\\n'");
  }
  std::string directory_;
};

// Spec: pod/26/host-network-files
TEST_F(ContainerdRights, ContainerOnTheNodesNetworkHasItsNameAndCopiesOfItsFiles) {
  const std::string id = Idle();
  char name[256] = "";
  ASSERT_EQ(::gethostname(name, sizeof name), 0);
  EXPECT_EQ(Output(id, "echo $HOSTNAME; cat /etc/hostname"), absl::StrCat(name, "\n", name, "\n"));
  for (const char* file : {"/etc/hosts", "/etc/resolv.conf"}) {
    EXPECT_EQ(Output(id, absl::StrCat("cat ", file)), ReadFile(file).value_or("")) << file;
    EXPECT_EQ(containerd().RunInside(
                  absl::StrCat("[ ", file, " -ef /proc/", StatusOf(id).pid, "/root", file, " ]")),
              1)
        << file;
  }
}

// Spec: pod/26/host-network-ports
TEST_F(ContainerdRights, MappedPortsMeanNothingOnTheNodesNetwork) {
  sandbox_.port_mappings = {{"TCP", 7801, 7802, ""}};
  (void)Started("exec nc -ll -p 7801 -e echo hello");
  ASSERT_TRUE(Eventually([] { return AskPort("127.0.0.1", 7801) == "hello\n"; }));
  EXPECT_EQ(AskPort("127.0.0.1", 7802), "");
}

// Spec: pod/26/no-host-name
TEST_F(ContainerdRights, PodWithoutANameOfItsOwnHasTheNodes) {
  ASSERT_TRUE(UsePodNetwork()) << "no CNI plug-ins on this machine";
  char name[256] = "";
  ASSERT_EQ(::gethostname(name, sizeof name), 0);
  EXPECT_EQ(Output(Idle(), "hostname"), absl::StrCat(name, "\n"));
}

// Spec: pod/26/host-ports
TEST_F(ContainerdRights, HostPortsLeadToThePodAndNobodyMindsThemTwice) {
  ASSERT_TRUE(UsePodNetwork()) << "no CNI plug-ins on this machine";
  sandbox_.port_mappings = {{"TCP", 80, 7811, ""}, {"TCP", 81, 0, ""}};
  (void)Started("exec nc -ll -p 80 -e echo hello");
  const std::string pod = SandboxStatusOf(Sandbox()).ips.at(0);
  ASSERT_TRUE(Eventually([&] { return AskPort(pod, 80) == "hello\n"; }));
  EXPECT_EQ(AskPort("127.0.0.1", 7811), "hello\n");
  EXPECT_EQ(AskPort("10.222.0.1", 7811), "hello\n");
  EXPECT_THAT(ReadFile("/proc/net/tcp").value_or(""), Not(HasSubstr(":1E83 00000000:0000 0A ")))
      << "rules, no listener: looking for listeners does not tell of host ports";
  // So whoever places pods has to keep two from the same port.
  SandboxConfig second = sandbox_;
  second.uid += "-second";
  EXPECT_TRUE(RunSandbox(second).ok());
}

// Spec: pod/26/sysctls
TEST_F(ContainerdRights, SysctlsAreForNamespacesOfThePodsOwn) {
  const auto refusal = [this](const std::string& name, const std::string& value) {
    ++sandbox_.attempt;
    sandbox_.sysctls = {{name, value}};
    return std::string(RunSandbox(sandbox_).status().message());
  };
  EXPECT_THAT(refusal("net.ipv4.ip_forward", "1"),
              HasSubstr("not allowed in host network namespace"));
  EXPECT_THAT(refusal("vm.swappiness", "1"), HasSubstr("is not in a separate kernel namespace"));
  if (UsePodNetwork()) {
    EXPECT_EQ(refusal("net.ipv4.ip_forward", "1"), "");
  }
}

// Spec: pod/25/unprivileged-ports. Newer runtimes open them for everybody unless told otherwise.
TEST_F(ContainerdRights, FirstPortOfThoseWithoutRightsIsAsThePodSays) {
  ASSERT_TRUE(UsePodNetwork()) << "no CNI plug-ins on this machine";
  sandbox_.sysctls = {{"net.ipv4.ip_unprivileged_port_start", "443"}};
  EXPECT_EQ(Output(Idle(), "cat /proc/sys/net/ipv4/ip_unprivileged_port_start"), "443\n");
}

// Spec: pod/26/missing-host-path
TEST_F(ContainerdRights, PathThatIsMissingIsMadeADirectory) {
  Mounts("/made", directory_ + "/not/there");
  (void)Idle();
  EXPECT_TRUE(fs::is_directory(directory_ + "/not/there"));
  EXPECT_EQ(fs::status(directory_ + "/not/there").permissions(), static_cast<fs::perms>(0755));
}

// Spec: pod/26/propagation-refused
TEST_F(ContainerdRights, PropagationNeedsAMountThatIsShared) {
  const std::string path = Directory("private");
  ASSERT_EQ(containerd().RunInside(
                absl::StrCat("mount --bind ", path, " ", path, " && mount --make-private ", path)),
            0);
  Mounts("/private", path, MountPropagation::kHostToContainer);
  EXPECT_THAT(Refusal(), HasSubstr("is not a shared or slave mount"));
  container_.mounts[0].propagation = MountPropagation::kBidirectional;
  EXPECT_THAT(Refusal(), HasSubstr("is not a shared mount"));
}

// Spec: pod/26/propagation
TEST_F(ContainerdRights, LaterMountsAreSeenByThoseWhoAskedForThem) {
  const std::string path = Directory("late");
  Mounts("/shared", path, MountPropagation::kBidirectional);
  Mounts("/slave", path, MountPropagation::kHostToContainer);
  Mounts("/private", path);
  const std::string id = Idle();
  ASSERT_EQ(containerd().RunInside(absl::StrCat("mount -t tmpfs late ", path)), 0);
  EXPECT_EQ(Output(id, "cd /; for at in shared slave private; do [ -e $at/is ] || echo $at; done"),
            "shared\nslave\n");
  EXPECT_EQ(containerd().RunInside("umount " + path), 0);
}

// Spec: pod/26/mount-order
TEST_F(ContainerdRights, ParentsAreMountedFirstAndTheLastOfTwoWins) {
  Mounts("/parent/child", Directory("child"));
  Mounts("/parent", Directory("parent"));
  Mounts("/twice", Directory("first"));
  Mounts("/twice", Directory("second"));
  Mounts("relative", Directory("relative"));
  EXPECT_EQ(
      Output(Idle(), "for at in /parent/child /parent /twice /relative; do cat $at/is; echo; done"),
      "child\nparent\nsecond\nrelative\n");
}

// Spec: pod/26/host-path-link
TEST_F(ContainerdRights, LinkAsAPathIsFollowedWhereverItLeads) {
  fs::create_symlink(Directory("elsewhere"), directory_ + "/link");
  Mounts("/link", directory_ + "/link");
  EXPECT_EQ(Output(Idle(), "cat /link/is"), "elsewhere");
}

// Spec: pod/26/atomic-swap
TEST_F(ContainerdRights, SwappedVersionIsSeenInADirectoryAndNotInAFile) {
  const std::string volume = directory_ + "/volume";
  Directory("volume/..1");
  fs::create_symlink("..1", volume + "/..data");
  fs::create_symlink("..data/is", volume + "/key");
  Mounts("/whole", volume);
  Mounts("/one", volume + "/key");
  const std::string id = Idle();
  Directory("volume/..2");
  fs::create_symlink("..2", volume + "/..next");
  fs::rename(volume + "/..next", volume + "/..data");
  EXPECT_EQ(Output(id, "cat /whole/key; echo; cat /one"), "volume/..2\nvolume/..1");
}

// Spec: pod/26/unmount-in-use
TEST_F(ContainerdRights, MountThatGoesOnTheHostStaysInTheContainer) {
  const std::string path = Directory("goes");
  ASSERT_EQ(containerd().RunInside(
                absl::StrCat("mount -t tmpfs goes ", path, " && echo kept >", path, "/file")),
            0);
  Mounts("/goes", path);
  const std::string id = Idle();
  EXPECT_EQ(containerd().RunInside("umount " + path), 0);
  EXPECT_EQ(Output(id, "cat /goes/file"), "kept\n");
}

// Spec: pod/26/capabilities
TEST_F(ContainerdRights, CapabilitiesAreTheDefaultWithWhatIsAddedAndDropped) {
  sandbox_.privileged = true;  // As it is for all when one container is.
  constexpr char kDefault[] = "00000000a80425fb";
  const struct {
    std::vector<std::string> add, drop;
    std::string effective;
  } cases[] = {
      {{}, {}, kDefault},
      {{}, {"ALL"}, "0000000000000000"},
      {{"NET_BIND_SERVICE"}, {"ALL"}, "0000000000000400"},
      {{"net_admin"}, {}, "00000000a80435fb"},
      {{"NET_ADMIN"}, {"NET_ADMIN"}, kDefault},
      {{}, {"CHOWN"}, "00000000a80425fa"},
  };
  for (const auto& c : cases) {
    container_.add_capabilities = c.add;
    container_.drop_capabilities = c.drop;
    EXPECT_EQ(Capabilities(), c.effective) << ::testing::PrintToString(c.add);
  }
  // Names that it does not know are nothing to it, so the agent has to know them.
  for (const char* unknown : {"CAP_NET_ADMIN", "NO_SUCH"}) {
    container_.add_capabilities = {unknown};
    container_.drop_capabilities = {};
    EXPECT_EQ(Capabilities(), kDefault) << unknown;
  }
  container_.add_capabilities = {};
  container_.run_as_user = 1000;
  EXPECT_EQ(Capabilities(), "0000000000000000");
  container_.run_as_user.reset();
  container_.privileged = true;
  const std::string all = Capabilities();
  container_.drop_capabilities = {"ALL"};
  EXPECT_EQ(Capabilities(), all) << "who is privileged drops nothing";
  EXPECT_NE(all, kDefault);
}

// Spec: pod/26/user-without-passwd
TEST_F(ContainerdRights, UserByNameNeedsAnImageThatKnowsIt) {
  const std::string bare = absl::StrCat("localhost:", containerd().registry_port(), "/bare:1");
  const auto image = Await<absl::StatusOr<std::string>>(
      [&](auto done) { runtime().PullImage(bare, std::nullopt, nullptr, done); });
  ASSERT_TRUE(image.ok()) << image.status();
  container_.image_id = *image;
  container_.run_as_username = "somebody";
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("etc/passwd"), HasSubstr("no such file or directory")));
  container_.image_id = "busybox";
  EXPECT_THAT(Refusal(), HasSubstr("no users found"));
}

// Spec: pod/26/no-masked-paths
TEST_F(ContainerdRights, KernelsFilesAreOnlyProtectedFromWhomWeSay) {
  const auto flags = [this] {
    return Output(
        Idle(),
        "grep -c ' /proc/sys proc ro' /proc/mounts; grep -c ' /proc/meminfo ' /proc/mounts");
  };
  container_.readonly_paths = {"/proc/sys"};
  container_.masked_paths = {"/proc/meminfo"};
  EXPECT_EQ(Await<absl::StatusOr<ExecResult>>([&](auto done) {
              runtime().ExecSync(Idle(), {"sh", "-c", "grep ' /proc/sys proc ro' /proc/mounts"},
                                 std::chrono::seconds(20), done);
            })->exit_code,
            0);
  EXPECT_EQ(flags(), "1\n1\n");
  container_.readonly_paths = {};
  container_.masked_paths = {};
  EXPECT_EQ(flags(), "0\n0\n");
}

// Spec: pod/26/apparmor
TEST_F(ContainerdRights, ProfileOfAppArmorIsRefusedWhereThereIsNone) {
  if (ReadFile("/sys/module/apparmor/parameters/enabled").value_or("N")[0] == 'Y') {
    GTEST_SKIP() << "this machine has AppArmor";
  }
  container_.apparmor_profile = "runtime/default";
  EXPECT_THAT(Refusal(), HasSubstr("apparmor is not supported"));
  container_.apparmor_profile = "";
  EXPECT_EQ(Refusal(), "");
}

// Spec: pod/26/seccomp
TEST_F(ContainerdRights, SystemCallsAreFilteredByTheProfile) {
  const auto mode = [this](SeccompProfile::Type type) {
    container_.seccomp = {type, ""};
    return Output(Idle(), "sed -n 's/^Seccomp:.//p' /proc/1/status");
  };
  EXPECT_EQ(mode(SeccompProfile::Type::kUnconfined), "0\n");
  EXPECT_EQ(mode(SeccompProfile::Type::kRuntimeDefault), "2\n");
  container_.seccomp = {SeccompProfile::Type::kLocalhost, "/no/profile.json"};
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("cannot load seccomp profile"),
                               HasSubstr("open /no/profile.json: no such file or directory")));
}

// Spec: pod/26/cpu-quota-too-small, pod/26/memory-too-small
TEST_F(ContainerdRights, LimitsThatTheKernelCannotKeepAreRefusedAtTheStart) {
  container_.resources.cpu_period_us = 100'000;
  container_.resources.cpu_quota_us = 500;
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("cpu."), HasSubstr("invalid argument")));
  container_.resources.cpu_quota_us = 1'000;
  EXPECT_EQ(Refusal(), "");
  container_.resources = {};
  container_.resources.memory_limit_bytes = 1 << 20;
  EXPECT_THAT(Refusal(), HasSubstr("memory limit"));
}

// Spec: pod/26/update-below-usage
TEST_F(ContainerdRights, LimitBelowWhatIsUsedIsRefused) {
  if (cgroups_version_2()) GTEST_SKIP() << "there the kernel makes room, or kills";
  container_.resources.memory_limit_bytes = 64 << 20;
  const std::string id =
      Started("x=$(head -c 20971520 /dev/zero | tr '\\0' x); echo full; while :; do sleep 1; done");
  ASSERT_TRUE(Eventually([&] { return LogLines("0.log").size() == 1; }));
  LinuxResources less;
  less.memory_limit_bytes = 8 << 20;
  const absl::Status updated =
      Await<absl::Status>([&](auto done) { runtime().UpdateContainer(id, less, done); });
  EXPECT_THAT(std::string(updated.message()), HasSubstr("memory"));
  EXPECT_EQ(StatusOf(id).state, ContainerState::kRunning);
}

// Spec: pod/26/unified
TEST_F(ContainerdRights, FilesOfTheUnifiedHierarchyAreRefusedOnTheOldOnes) {
  container_.resources.memory_limit_bytes = 32 << 20;
  container_.resources.unified = {{"memory.oom.group", "1"}};
  const std::string refusal = Refusal();
  if (cgroups_version_2()) {
    EXPECT_EQ(refusal, "");
  } else {
    EXPECT_THAT(refusal, HasSubstr("cannot use unified on cgroup v1"));
  }
}

// Spec: pod/26/oom-score-restricted
TEST_F(ContainerdRights, ScoreIsNeverBelowTheRuntimesOwn) {
  int own = 0;
  ASSERT_TRUE(absl::SimpleAtoi(ReadFile("/proc/self/oom_score_adj").value_or(""), &own));
  const auto score = [this](int64_t wanted) {
    container_.resources.oom_score_adj = wanted;
    return Output(Idle(), "cat /proc/1/oom_score_adj");
  };
  EXPECT_EQ(score(1000), "1000\n");
  EXPECT_EQ(score(-997), absl::StrCat(std::max(own, -997), "\n"));
}

class ContainerdWithoutNetwork : public ContainerdRights {
 protected:
  void SetUp() override { Use(own_); }
  PrivateContainerd own_{{.network = false}};
};

// Spec: pod/26/no-network
TEST_F(ContainerdWithoutNetwork, OnlyPodsOnTheNodesNetworkCanRun) {
  const auto info = Await<absl::StatusOr<RuntimeInfo>>([&](auto done) { runtime().Info(done); });
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(info->runtime_ready);
  EXPECT_FALSE(info->network_ready);
  EXPECT_THAT(info->network_message, HasSubstr("cni plugin not initialized"));
  (void)Idle();
  ASSERT_TRUE(UsePodNetwork()) << "no CNI plug-ins on this machine";
  ++sandbox_.attempt;
  const auto refused = RunSandbox(sandbox_);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("cni plugin not initialized"));
  // It stays until there is a network to take it off.
  const std::string left = ListedSandbox();
  ASSERT_NE(left, "");
  EXPECT_FALSE(Do(&Runtime::StopSandbox, left).ok());
  EXPECT_FALSE(Do(&Runtime::RemoveSandbox, left).ok());
  own_.ConfigureNetwork();
  EXPECT_TRUE(Eventually([&] { return Do(&Runtime::StopSandbox, left).ok(); }));
  EXPECT_TRUE(Do(&Runtime::RemoveSandbox, left).ok());
  EXPECT_EQ(ListedSandbox(), "");
}

}  // namespace
}  // namespace muster::agent
