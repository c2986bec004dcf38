#include "common/model/capabilities.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace muster::model {
namespace {

// capabilities(7), as of Linux 6.1.
constexpr std::string_view kNames[] = {"ALL",
                                       "AUDIT_CONTROL",
                                       "AUDIT_READ",
                                       "AUDIT_WRITE",
                                       "BLOCK_SUSPEND",
                                       "BPF",
                                       "CHECKPOINT_RESTORE",
                                       "CHOWN",
                                       "DAC_OVERRIDE",
                                       "DAC_READ_SEARCH",
                                       "FOWNER",
                                       "FSETID",
                                       "IPC_LOCK",
                                       "IPC_OWNER",
                                       "KILL",
                                       "LEASE",
                                       "LINUX_IMMUTABLE",
                                       "MAC_ADMIN",
                                       "MAC_OVERRIDE",
                                       "MKNOD",
                                       "NET_ADMIN",
                                       "NET_BIND_SERVICE",
                                       "NET_BROADCAST",
                                       "NET_RAW",
                                       "PERFMON",
                                       "SETFCAP",
                                       "SETGID",
                                       "SETPCAP",
                                       "SETUID",
                                       "SYSLOG",
                                       "SYS_ADMIN",
                                       "SYS_BOOT",
                                       "SYS_CHROOT",
                                       "SYS_MODULE",
                                       "SYS_NICE",
                                       "SYS_PACCT",
                                       "SYS_PTRACE",
                                       "SYS_RAWIO",
                                       "SYS_RESOURCE",
                                       "SYS_TIME",
                                       "SYS_TTY_CONFIG",
                                       "WAKE_ALARM"};

}  // namespace

std::string CapabilityName(std::string_view name) {
  const std::string upper = absl::AsciiStrToUpper(absl::string_view(name.data(), name.size()));
  return std::string(absl::StripPrefix(upper, "CAP_"));
}

bool IsCapabilityName(std::string_view name) {
  return std::find(std::begin(kNames), std::end(kNames), CapabilityName(name)) != std::end(kNames);
}

}  // namespace muster::model
