#include "agent/host/linux_host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/host/control_groups.h"
#include "agent/host/listeners.h"
#include "agent/host/systemd_slices.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

constexpr int kCapSysResource = 24;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Global addresses of `interface`, or of every one that is up when it is empty; IPv4 first.
std::vector<std::string> AddressesOf(const std::string& interface) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<std::string> v4, v6;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0 ||
        (entry->ifa_flags & IFF_LOOPBACK) != 0 ||
        (!interface.empty() && interface != entry->ifa_name)) {
      continue;
    }
    char text[INET6_ADDRSTRLEN];
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      if (::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text) != nullptr) {
        v4.emplace_back(text);
      }
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr)) continue;
      if (::inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text) != nullptr) {
        v6.emplace_back(text);
      }
    }
  }
  // One of each family, as a node has in Kubernetes.
  std::vector<std::string> result;
  if (!v4.empty()) result.push_back(v4.front());
  if (!v6.empty()) result.push_back(v6.front());
  return result;
}

// A control group can only be removed when those below it are; its files go with it.
absl::Status RemoveGroupTree(const std::filesystem::path& group) {
  std::error_code error;
  std::vector<std::filesystem::path> below;
  for (const auto& entry : std::filesystem::directory_iterator(group, error)) {
    std::error_code ignored;
    if (entry.is_directory(ignored) && !entry.is_symlink(ignored)) below.push_back(entry.path());
  }
  absl::Status first;
  for (const std::filesystem::path& path : below) {
    if (absl::Status removed = RemoveGroupTree(path); first.ok()) first = removed;
  }
  if (::rmdir(group.c_str()) != 0 && errno != ENOENT && first.ok()) {
    first = absl::ErrnoToStatus(errno, absl::StrCat("cannot remove ", group.string()));
  }
  return first;
}

}  // namespace

std::string PrettyName(std::string_view os_release) {
  for (const absl::string_view line : absl::StrSplit(View(os_release), '\n')) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "PRETTY_NAME=")) continue;
    if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'')) {
      rest = rest.substr(1, rest.size() - 2);
    }
    return std::string(rest);
  }
  return "Linux";
}

int64_t MemTotalBytes(std::string_view meminfo) { return MemInfoBytes(meminfo, "MemTotal"); }

int64_t MemInfoBytes(std::string_view meminfo, std::string_view name) {
  for (const absl::string_view line : absl::StrSplit(View(meminfo), '\n')) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, View(name)) || !absl::ConsumePrefix(&rest, ":")) continue;
    absl::ConsumeSuffix(&rest, "kB");
    int64_t kib = 0;
    if (absl::SimpleAtoi(absl::StripAsciiWhitespace(rest), &kib)) return kib * 1024;
  }
  return 0;
}

int64_t ThreadsOf(std::string_view loadavg) {
  const std::vector<absl::string_view> fields = absl::StrSplit(View(loadavg), ' ');
  if (fields.size() < 4) return 0;
  const std::vector<absl::string_view> running_of_all = absl::StrSplit(fields[3], '/');
  int64_t threads = 0;
  return running_of_all.size() == 2 && absl::SimpleAtoi(running_of_all[1], &threads) ? threads : 0;
}

std::string DefaultInterface(std::string_view route_table) {
  std::string best;
  std::optional<int64_t> best_metric;
  for (const absl::string_view line : absl::StrSplit(View(route_table), '\n')) {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask ...
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (fields.size() < 8 || fields[1] != "00000000" || fields[7] != "00000000") continue;
    int64_t metric = 0;
    if (!absl::SimpleAtoi(fields[6], &metric)) continue;
    if (!best_metric || metric < *best_metric) {
      best = std::string(fields[0]);
      best_metric = metric;
    }
  }
  return best;
}

DnsConfig ParseResolvConf(std::string_view text) {
  DnsConfig dns;
  for (const absl::string_view line : absl::StrSplit(View(text), '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.size() < 2) continue;
    if (words[0] == "nameserver") {
      dns.servers.push_back(words[1]);
    } else if (words[0] == "search" || words[0] == "domain") {
      dns.searches.assign(words.begin() + 1, words.end());  // The last line counts.
    } else if (words[0] == "options") {
      dns.options.insert(dns.options.end(), words.begin() + 1, words.end());
    }
  }
  return dns;
}

bool HasCapability(std::string_view proc_status, int bit, std::string_view set) {
  const std::string name = absl::StrCat(std::string(set), ":");
  for (const absl::string_view line : absl::StrSplit(View(proc_status), '\n')) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, name)) continue;
    uint64_t bits = 0;
    if (!absl::SimpleHexAtoi(absl::StripAsciiWhitespace(rest), &bits)) return false;
    return (bits >> bit & 1) != 0;
  }
  return false;
}

bool RootIsShared(std::string_view mountinfo) {
  bool shared = false;
  for (const absl::string_view line : absl::StrSplit(View(mountinfo), '\n')) {
    // ID PARENT DEVICE ROOT MOUNT-POINT OPTIONS [shared:N ...] - TYPE ...
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    if (fields.size() < 7 || fields[4] != "/") continue;
    shared = false;  // The last one is on top.
    for (size_t i = 6; i < fields.size() && fields[i] != "-"; ++i) {
      shared = shared || absl::StartsWith(fields[i], "shared:");
    }
  }
  return shared;
}

std::string UnifiedGroup(std::string_view proc_cgroup) {
  for (const absl::string_view line : absl::StrSplit(View(proc_cgroup), '\n')) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "0::")) return std::string(rest);
  }
  return "";
}

std::string ArchitectureName(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (absl::StartsWith(View(machine), "armv")) return "arm";
  return std::string(machine);
}

std::string LinuxHost::ReadLine(const std::string& path) const {
  const absl::StatusOr<std::string> text = ReadFile(options_.root + path, 1 << 20);
  if (!text.ok()) return "";
  return std::string(absl::StripAsciiWhitespace(*text));
}

absl::StatusOr<HostFacts> LinuxHost::Facts() {
  HostFacts facts;
  facts.boot_id = ReadLine("/proc/sys/kernel/random/boot_id");
  if (facts.boot_id.empty()) {
    return absl::FailedPreconditionError(
        "cannot read /proc/sys/kernel/random/boot_id; is /proc mounted?");
  }
  facts.hostname = absl::AsciiStrToLower(ReadLine("/proc/sys/kernel/hostname"));
  facts.machine_id = ReadLine("/etc/machine-id");
  facts.system_uuid = absl::AsciiStrToLower(ReadLine("/sys/class/dmi/id/product_uuid"));
  if (facts.system_uuid.empty()) facts.system_uuid = facts.machine_id;
  facts.kernel_version = ReadLine("/proc/sys/kernel/osrelease");
  std::string os_release = ReadLine("/etc/os-release");
  if (os_release.empty()) os_release = ReadLine("/usr/lib/os-release");
  facts.os_image = PrettyName(os_release);
  utsname names{};
  if (::uname(&names) == 0) facts.architecture = ArchitectureName(names.machine);

  facts.memory_bytes = MemTotalBytes(ReadLine("/proc/meminfo"));
  if (facts.memory_bytes == 0) return absl::FailedPreconditionError("cannot read /proc/meminfo");
  facts.cpus = std::max<long>(1, ::sysconf(_SC_NPROCESSORS_ONLN));
  struct statvfs disk {};
  // Before the first start the directory may be missing; its parent is on the same disk.
  std::filesystem::path path = options_.storage_path;
  while (::statvfs(path.c_str(), &disk) != 0) {
    if (errno != ENOENT || !path.has_relative_path()) break;
    path = path.parent_path();
  }
  facts.ephemeral_storage_bytes =
      static_cast<int64_t>(disk.f_blocks) * static_cast<int64_t>(disk.f_frsize);

  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(options_.root + "/sys/kernel/mm/hugepages", ignored)) {
    const std::string name = entry.path().filename().string();  // hugepages-2048kB
    absl::string_view size = name;
    int64_t kib = 0;
    if (absl::ConsumePrefix(&size, "hugepages-") && absl::ConsumeSuffix(&size, "kB") &&
        absl::SimpleAtoi(size, &kib)) {
      facts.hugepage_sizes.push_back(kib % (1024 * 1024) == 0
                                         ? absl::StrCat(kib / (1024 * 1024), "Gi")
                                         : absl::StrCat(kib / 1024, "Mi"));
    }
  }
  std::sort(facts.hugepage_sizes.begin(), facts.hugepage_sizes.end());

  facts.addresses = AddressesOf(DefaultInterface(ReadLine("/proc/net/route")));
  for (const std::string& candidate : options_.resolv_conf) {
    const std::string text = ReadLine(candidate);
    if (text.empty()) continue;
    facts.dns = ParseResolvConf(text);
    break;
  }
  // It is the runtime that does so, with what a service of this host can have at most.
  facts.may_lower_oom_score = HasCapability(ReadLine("/proc/1/status"), kCapSysResource, "CapBnd");
  facts.systemd = std::filesystem::is_directory(options_.root + "/run/systemd/system", ignored);
  // The host's own, not that which systemd may have made for this service.
  facts.root_is_shared = RootIsShared(ReadLine("/proc/1/mountinfo"));
  const std::string groups = options_.root + "/sys/fs/cgroup";
  facts.cgroup_v2 = std::filesystem::exists(groups + "/cgroup.controllers", ignored);
  // The root has no such file in v2, but the group of this process does.
  facts.swap_accounting = std::filesystem::exists(
      facts.cgroup_v2
          ? absl::StrCat(groups, UnifiedGroup(ReadLine("/proc/self/cgroup")), "/memory.swap.max")
          : groups + "/memory/memory.memsw.limit_in_bytes",
      ignored);
  facts.apparmor = ReadLine("/sys/module/apparmor/parameters/enabled").starts_with('Y');
  facts.selinux = std::filesystem::exists(options_.root + "/sys/fs/selinux/enforce", ignored);
  return facts;
}

absl::Status LinuxHost::SetControlGroup(const std::string& path, const LinuxResources& values,
                                        GroupChange change) {
  const std::string mount = options_.root + "/sys/fs/cgroup";
  const std::string place = PathOfGroup(path);
  LinuxResources wanted = values;
  if (change == GroupChange::kOnlyRaise) wanted = WithoutLowering(mount, place, values);
  if (place != path) {
    std::error_code ignored;
    const bool version_2 = std::filesystem::exists(mount + "/cgroup.controllers", ignored);
    MUSTER_RETURN_IF_ERROR(SystemdSlices().Set(path, wanted, version_2));
    // The rest is not for systemd.
    LinuxResources rest;
    rest.hugepage_limit_bytes = wanted.hugepage_limit_bytes;
    wanted = std::move(rest);
  }
  return WriteControlGroup(mount, place, wanted);
}

absl::Status LinuxHost::RemoveControlGroup(const std::string& name) {
  const std::string path = PathOfGroup(name);
  if (path != name) MUSTER_RETURN_IF_ERROR(SystemdSlices().Stop(name));
  const std::string mount = options_.root + "/sys/fs/cgroup";
  std::error_code error;
  // One hierarchy for each controller, or one for all of them.
  std::vector<std::string> hierarchies{mount};
  for (const auto& entry : std::filesystem::directory_iterator(mount, error)) {
    if (entry.is_directory(error) && !entry.is_symlink(error)) {
      hierarchies.push_back(entry.path().string());
    }
  }
  absl::Status first;
  for (const std::string& hierarchy : hierarchies) {
    const std::string group = hierarchy + path;
    if (!std::filesystem::is_directory(group, error)) continue;
    if (absl::Status removed = RemoveGroupTree(group); first.ok()) first = removed;
  }
  return first;
}

absl::StatusOr<FilesystemSpace> LinuxHost::SpaceOf(const std::string& path) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot look at the disk of ", path));
  }
  const auto bytes = [&disk](fsblkcnt_t blocks) {
    return static_cast<int64_t>(blocks) * static_cast<int64_t>(disk.f_frsize);
  };
  return FilesystemSpace{bytes(disk.f_blocks), bytes(disk.f_bavail),
                         static_cast<int64_t>(disk.f_files), static_cast<int64_t>(disk.f_favail),
                         disk.f_fsid};
}

absl::StatusOr<HostLoad> LinuxHost::Load() {
  const std::string meminfo = ReadLine("/proc/meminfo");
  HostLoad load;
  load.memory_bytes = MemTotalBytes(meminfo);
  if (load.memory_bytes == 0) return absl::FailedPreconditionError("cannot read /proc/meminfo");
  load.memory_available_bytes =
      MemInfoBytes(meminfo, "MemFree") + MemInfoBytes(meminfo, "Inactive(file)");
  int64_t pid_max = 0, threads_max = 0;
  if (absl::SimpleAtoi(ReadLine("/proc/sys/kernel/pid_max"), &pid_max) &&
      absl::SimpleAtoi(ReadLine("/proc/sys/kernel/threads-max"), &threads_max)) {
    load.pids_max = std::min(pid_max, threads_max);
  }
  load.pids = ThreadsOf(ReadLine("/proc/loadavg"));
  return load;
}

bool LinuxHost::IsListening(const std::string& protocol, const std::string& ip, uint16_t port) {
  return agent::IsListening(protocol, ip, port);
}

int64_t LinuxHost::PidsIn(const std::string& control_group) {
  // In the hierarchy of the controller, or in the only one.
  for (const char* hierarchy : {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"}) {
    int64_t pids = 0;
    if (absl::SimpleAtoi(
            ReadLine(absl::StrCat(hierarchy, PathOfGroup(control_group), "/pids.current")),
            &pids)) {
      return pids;
    }
  }
  return 0;
}

}  // namespace muster::agent
