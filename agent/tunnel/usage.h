#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/runtime/runtime.h"
#include "common/base/clock.h"

namespace muster::agent {

// What something uses; what is not known is not set.
struct UsageAmount {
  std::optional<uint64_t> cpu_nano_cores;  // 1e9: one core all the time.
  std::optional<uint64_t> memory_bytes;    // The working set.
  bool operator==(const UsageAmount&) const = default;
};

struct ContainerAmount {
  std::string pod_uid, container;
  UsageAmount amount;
  bool operator==(const ContainerAmount&) const = default;
};

struct NodeUsage {
  std::vector<ContainerAmount> containers;  // Sorted by pod and name.
  UsageAmount node;
};

// The host as a whole at one moment.
struct HostSample {
  MonoTime at;
  uint64_t cpu_busy_ns = 0;  // Of all cores, since boot.
  uint64_t working_set_bytes = 0;
};

// What the containers of `pod_uids` use, from two looks at the runtime. Their CPU is a rate between
// the two, by the runtime's own times; it is not known for a container that only one of the looks
// has seen running, nor when the runtime's answers are of one moment or count backwards.
std::vector<ContainerAmount> ContainersUsage(const std::set<std::string>& pod_uids,
                                             const std::vector<ContainerStatus>& containers,
                                             const std::vector<ContainerStats>& first,
                                             const std::vector<ContainerStats>& second);

UsageAmount HostUsage(const std::optional<HostSample>& first,
                      const std::optional<HostSample>& second);

// The time that all cores were not idle, from the text of /proc/stat; nullopt when it is not there.
// Waiting for a disk is idle time, as the kubelet counts it.
std::optional<uint64_t> CpuBusyNs(std::string_view proc_stat, int64_t ticks_per_second);

}  // namespace muster::agent
