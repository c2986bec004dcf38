#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/host/host.h"

namespace muster::agent {

// Facts from /proc, /sys and /etc below `root` (for tests; "" in a program) and from system calls.
class LinuxHost final : public Host {
 public:
  struct Options {
    std::string root;
    // Where pods' disk space comes from.
    std::string storage_path = "/var/lib/muster/agent";
    // Tried in this order; systemd-resolved's stub address in the second is of no use to pods.
    std::vector<std::string> resolv_conf = {"/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"};
  };
  explicit LinuxHost(Options options) : options_(std::move(options)) {}

  absl::StatusOr<HostFacts> Facts() override;
  absl::Status SetControlGroup(const std::string& path, const LinuxResources& values,
                               GroupChange change) override;
  absl::Status RemoveControlGroup(const std::string& name) override;
  absl::StatusOr<FilesystemSpace> SpaceOf(const std::string& path) override;
  absl::StatusOr<HostLoad> Load() override;
  bool IsListening(const std::string& protocol, const std::string& ip, uint16_t port) override;
  int64_t PidsIn(const std::string& control_group) override;

 private:
  std::string ReadLine(const std::string& path) const;

  const Options options_;
};

// The parsers, on the text of the files.

// PRETTY_NAME of os-release without its quotes.
std::string PrettyName(std::string_view os_release);
// MemTotal of /proc/meminfo in bytes; 0 when it is not there.
int64_t MemTotalBytes(std::string_view meminfo);
// Another line of it, named without its colon.
int64_t MemInfoBytes(std::string_view meminfo, std::string_view name);
// How many threads there are, by /proc/loadavg ("... 2/345 6789"); 0 when it does not say.
int64_t ThreadsOf(std::string_view loadavg);
// The interface of the IPv4 route to everywhere with the lowest metric; "" when there is none.
std::string DefaultInterface(std::string_view route_table);
DnsConfig ParseResolvConf(std::string_view text);
// A bit of one of the sets in a /proc/PID/status: CapEff, what the process has; CapBnd, what it and
// those that it starts can have at most.
bool HasCapability(std::string_view proc_status, int bit, std::string_view set = "CapEff");
// Is "/" a shared mount, by /proc/self/mountinfo?
bool RootIsShared(std::string_view mountinfo);
// Where a process is in the unified hierarchy, by its /proc/PID/cgroup: "/a/b"; "" on v1 alone.
std::string UnifiedGroup(std::string_view proc_cgroup);
// uname's machine as Kubernetes names architectures.
std::string ArchitectureName(std::string_view machine);

}  // namespace muster::agent
