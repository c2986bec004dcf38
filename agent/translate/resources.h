#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/runtime/runtime.h"
#include "agent/translate/context.h"
#include "muster/v1/container.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// CPU shares, CFS quota, memory limit and OOM score as kubelet computes them. A request that is
// absent counts as its limit; an explicit 0 is 0.
absl::StatusOr<LinuxResources> MakeResources(const v1::Pod& pod, const v1::Container& container,
                                             const NodeContext& node);

// The part that can change while the container runs.
LinuxResources CpuAndMemoryOf(const LinuxResources& all);

// Where the pod's control group goes: ROOT[/burstable|/besteffort]/podUID, or the last component of
// the slice with the systemd driver.
std::string CgroupParent(const v1::Pod& pod, const NodeContext& node);

// Likewise, of a pod of this quality of service.
std::string PodGroup(std::string_view qos, const std::string& uid, const NodeContext& node);

// The control group of all pods of a quality of service; those of Guaranteed are in the root
// itself.
std::string ClassGroup(std::string_view qos, const NodeContext& node);

// "2Mi" as the kernel and containerd name page sizes: "2MB".
std::string PageSizeName(std::string_view suffix);

inline constexpr int64_t kCpuPeriodUs = 100'000;

// 2..262144; 1024 shares are one CPU.
int64_t CpuShares(int64_t milli_cpu);
// Microseconds per 100 ms period, at least 1000; 0 means no limit.
int64_t CpuQuotaUs(int64_t milli_cpu);

}  // namespace muster::agent
