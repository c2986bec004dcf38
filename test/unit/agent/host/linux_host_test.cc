#include "agent/host/linux_host.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

TEST(LinuxHost, ReadsThisMachine) {
  LinuxHost host({.storage_path = "/not/there/yet"});
  const absl::StatusOr<HostFacts> facts = host.Facts();
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_GT(facts->cpus, 0);
  EXPECT_GT(facts->memory_bytes, 16 << 20);
  EXPECT_GT(facts->ephemeral_storage_bytes, 0);
  EXPECT_EQ(facts->boot_id.size(), 36u);
  EXPECT_FALSE(facts->kernel_version.empty());
  EXPECT_FALSE(facts->architecture.empty());
}

// Spec: pod/22/facts
TEST(LinuxHost, ReadsWhatItsRootSays) {
  std::string pattern = fs::temp_directory_path() / "muster-host-XXXXXX";
  const fs::path root = ::mkdtemp(pattern.data());
  const auto write = [&root](const std::string& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  };
  write("proc/sys/kernel/random/boot_id", "b-1\n");
  write("proc/sys/kernel/hostname", "Node-A.Example\n");
  write("proc/sys/kernel/osrelease", "6.1.0\n");
  write("proc/meminfo", "MemFree: 1 kB\nMemTotal:       2048 kB\n");
  write("etc/machine-id", "m-1\n");
  write("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  write("etc/resolv.conf", "nameserver 192.0.2.53\nsearch example.com\n");
  fs::create_directories(root / "sys/kernel/mm/hugepages/hugepages-2048kB");
  fs::create_directories(root / "sys/kernel/mm/hugepages/hugepages-1048576kB");
  LinuxHost host({.root = root, .storage_path = "/"});
  const absl::StatusOr<HostFacts> facts = host.Facts();
  fs::remove_all(root);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->hostname, "node-a.example");
  EXPECT_EQ(facts->boot_id, "b-1");
  EXPECT_EQ(facts->machine_id, "m-1");
  EXPECT_EQ(facts->system_uuid, "m-1");  // No DMI there.
  EXPECT_EQ(facts->memory_bytes, 2048 * 1024);
  EXPECT_EQ(facts->os_image, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(facts->hugepage_sizes, (std::vector<std::string>{"1Gi", "2Mi"}));
  EXPECT_EQ(facts->dns.servers, (std::vector<std::string>{"192.0.2.53"}));
  EXPECT_FALSE(facts->may_lower_oom_score);
  EXPECT_FALSE(facts->systemd);
}

TEST(LinuxHost, ScoresAreLoweredWhereTheRuntimeMayWhateverTheAgentMay) {
  struct Row {
    const char* status;
    bool may;
  };
  for (const Row& row :
       {Row{"CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n", true},
        Row{"CapEff:\t000001ffffffffff\nCapBnd:\t000001fffeffffff\n", false}, Row{"", false}}) {
    const TempDir root;
    fs::create_directories(root / "proc/1");
    fs::create_directories(root / "proc/sys/kernel/random");
    std::ofstream(root / "proc/sys/kernel/random/boot_id") << "b-1\n";
    std::ofstream(root / "proc/meminfo") << "MemTotal: 1 kB\n";
    std::ofstream(root / "proc/1/status") << row.status;
    const absl::StatusOr<HostFacts> facts =
        LinuxHost({.root = root.path(), .storage_path = "/"}).Facts();
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_EQ(facts->may_lower_oom_score, row.may) << row.status;
  }
}

// Spec: pod/17.1/swap, pod/17.1/oom-group
TEST(LinuxHost, KnowsWhatControlGroupsCanDo) {
  struct Row {
    std::vector<std::string> files;
    bool v2, swap;
  };
  for (const Row& row : {
           Row{{}, false, false},
           Row{{"memory/memory.limit_in_bytes"}, false, false},
           Row{{"memory/memory.memsw.limit_in_bytes"}, false, true},
           // Hybrid: the second hierarchy has no controllers for us.
           Row{{"memory/memory.limit_in_bytes", "unified/cgroup.controllers"}, false, false},
           Row{{"cgroup.controllers"}, true, false},
           Row{{"cgroup.controllers", "a/b/memory.swap.max"}, true, true},
           Row{{"cgroup.controllers", "a/memory.swap.max"}, true, false},
       }) {
    TempDir root;
    const auto write = [&root](const std::string& path, const std::string& text) {
      const fs::path file = root / path;
      fs::create_directories(file.parent_path());
      std::ofstream(file) << text;
    };
    write("proc/sys/kernel/random/boot_id", "b-1\n");
    write("proc/meminfo", "MemTotal: 2048 kB\n");
    write("proc/self/cgroup", "1:name=systemd:/x\n0::/a/b\n");
    for (const std::string& file : row.files) write("sys/fs/cgroup/" + file, "");
    const auto facts = LinuxHost({.root = root.path(), .storage_path = "/"}).Facts();
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_EQ(facts->cgroup_v2, row.v2) << testing::PrintToString(row.files);
    EXPECT_EQ(facts->swap_accounting, row.swap) << testing::PrintToString(row.files);
  }
  EXPECT_EQ(UnifiedGroup("4:memory:/m\n0::/a\n"), "/a");
  EXPECT_EQ(UnifiedGroup("4:memory:/m\n"), "");
}

// pod-lifecycle.md, 19: what the signals are made from.
TEST(LinuxHost, LoadIsWhatTheKernelSays) {
  std::string pattern = fs::temp_directory_path() / "muster-host-XXXXXX";
  const fs::path root = ::mkdtemp(pattern.data());
  const auto write = [&root](const std::string& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  };
  write("proc/meminfo",
        "MemTotal: 2048 kB\nMemFree: 100 kB\nInactive:  900 kB\nInactive(file): 300 kB\n");
  write("proc/sys/kernel/pid_max", "32768\n");
  write("proc/sys/kernel/threads-max", "9000\n");
  write("proc/loadavg", "0.10 0.20 0.30 2/345 6789\n");
  write("sys/fs/cgroup/pids/kubepods/podx/pids.current", "17\n");
  write("sys/fs/cgroup/kubepods/pody/pids.current", "4\n");
  LinuxHost host({.root = root});
  const absl::StatusOr<HostLoad> load = host.Load();
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(*load, (HostLoad{2048 * 1024, 400 * 1024, 9000, 345}));
  EXPECT_EQ(host.PidsIn("/kubepods/podx"), 17);
  EXPECT_EQ(host.PidsIn("/kubepods/pody"), 4);
  EXPECT_EQ(host.PidsIn("/kubepods/podz"), 0);
  fs::remove_all(root);
  EXPECT_FALSE(host.Load().ok());
}

TEST(LinuxHost, LoadAndSpaceOfThisMachineAreSane) {
  LinuxHost host({});
  const absl::StatusOr<HostLoad> load = host.Load();
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_GT(load->memory_available_bytes, 0);
  EXPECT_LT(load->memory_available_bytes, load->memory_bytes);
  EXPECT_GT(load->pids, 1);
  EXPECT_GT(load->pids_max, load->pids);
  const absl::StatusOr<FilesystemSpace> space = host.SpaceOf("/");
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_GT(space->capacity_bytes, space->available_bytes);
  EXPECT_FALSE(host.SpaceOf("/not/there").ok());
}

TEST(ThreadsOf, LoadavgThatSaysNothingIsZero) {
  for (const char* text : {"", "1 2 3", "1 2 3 4", "1 2 3 a/b c"}) EXPECT_EQ(ThreadsOf(text), 0);
}

TEST(LinuxHost, WithoutProcItSaysSo) {
  LinuxHost host({.root = "/nonexistent"});
  const absl::Status status = host.Facts().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("/proc"), std::string::npos);
}

// Spec: pod/17.2/removed
TEST(LinuxHost, ControlGroupsAreRemovedInEveryHierarchyWithWhatIsBelow) {
  std::string pattern = fs::temp_directory_path() / "muster-host-XXXXXX";
  const fs::path root = ::mkdtemp(pattern.data());
  const fs::path mount = root / "sys/fs/cgroup";
  fs::create_directories(mount / "memory/kubepods/podu1/c1");
  fs::create_directories(mount / "pids/kubepods/podu1");
  fs::create_directories(mount / "pids/kubepods/podu2");
  fs::create_directories(mount / "kubepods/podu1");
  LinuxHost host({.root = root});
  EXPECT_TRUE(host.RemoveControlGroup("/kubepods/podu1").ok());
  EXPECT_FALSE(fs::exists(mount / "memory/kubepods/podu1"));
  EXPECT_FALSE(fs::exists(mount / "pids/kubepods/podu1"));
  EXPECT_FALSE(fs::exists(mount / "kubepods/podu1"));
  EXPECT_TRUE(fs::exists(mount / "pids/kubepods/podu2"));
  EXPECT_TRUE(host.RemoveControlGroup("/kubepods/podu1").ok());
  // What is not empty cannot be removed, as one with processes.
  std::ofstream(mount / "pids/kubepods/podu2/busy") << "1";
  EXPECT_FALSE(host.RemoveControlGroup("/kubepods/podu2").ok());
  fs::remove_all(root);
}

TEST(DefaultInterface, IsTheRouteToEverywhereWithTheLowestMetric) {
  EXPECT_EQ(DefaultInterface(
                "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWin\tIRTT\n"
                "eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n"
                "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                "eth2\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"),
            "eth0");
  EXPECT_EQ(DefaultInterface("Iface\tDestination\n"), "");
}

// Spec: pod/22/facts
TEST(LinuxHost, SecurityModulesOfTheKernelAreNoticed) {
  TempDir root;
  const auto write = [&root](const std::string& path, const std::string& text) {
    const fs::path file = root / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  };
  write("proc/sys/kernel/random/boot_id", "b-1\n");
  write("proc/meminfo", "MemTotal: 2048 kB\n");
  const auto facts = [&root] {
    return LinuxHost({.root = root.path(), .storage_path = "/"}).Facts().value();
  };
  EXPECT_FALSE(facts().apparmor);
  EXPECT_FALSE(facts().selinux);
  write("sys/module/apparmor/parameters/enabled", "N\n");
  EXPECT_FALSE(facts().apparmor);
  write("sys/module/apparmor/parameters/enabled", "Y\n");
  EXPECT_TRUE(facts().apparmor);
  write("sys/fs/selinux/enforce", "0");
  EXPECT_TRUE(facts().selinux);
}

TEST(ParseResolvConf, LastSearchLineCountsAndOptionsAddUp) {
  const DnsConfig dns = ParseResolvConf(
      "# nameserver 1.1.1.1\ndomain old.example\nsearch a.example b.example\n"
      "nameserver 192.0.2.1\nnameserver 192.0.2.2\noptions ndots:2\noptions edns0\n");
  EXPECT_EQ(dns.servers, (std::vector<std::string>{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(dns.searches, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(dns.options, (std::vector<std::string>{"ndots:2", "edns0"}));
}

TEST(HasCapability, ReadsTheEffectiveSet) {
  EXPECT_TRUE(HasCapability("Name: x\nCapEff:\t0000000001000000\n", 24));
  EXPECT_FALSE(HasCapability("Name: x\nCapEff:\t0000000000ffffff\n", 24));
  EXPECT_FALSE(HasCapability("", 24));
  EXPECT_TRUE(HasCapability("CapEff:\t0\nCapBnd:\t0000000001000000\n", 24, "CapBnd"));
}

// Spec: pod/14.4/shared-root
TEST(RootIsShared, IsReadFromTheTopmostMountOfTheRoot) {
  const std::string below = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
  EXPECT_TRUE(RootIsShared(below));
  EXPECT_TRUE(RootIsShared("22 1 8:1 / / rw master:2 shared:1 - ext4 /dev/sda1 rw\n"));
  EXPECT_FALSE(RootIsShared("22 1 8:1 / / rw,relatime - ext4 shared:1 rw\n"));
  EXPECT_FALSE(RootIsShared(below + "30 22 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"));
  EXPECT_FALSE(RootIsShared("25 22 0:5 / /dev rw shared:2 - devtmpfs dev rw\n"));
}

TEST(ArchitectureName, IsKubernetesName) {
  EXPECT_EQ(ArchitectureName("x86_64"), "amd64");
  EXPECT_EQ(ArchitectureName("aarch64"), "arm64");
  EXPECT_EQ(ArchitectureName("riscv64"), "riscv64");
}

}  // namespace
}  // namespace muster::agent
