#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/probe/prober.h"
#include "muster/v1/container.pb.h"

namespace muster::agent {

// What the handler of a probe or a hook comes to, with ports looked up and headers complete.
struct ExecCall {
  std::vector<std::string> command;
  bool operator==(const ExecCall&) const = default;
};
struct SleepCall {
  std::chrono::seconds time{0};
  bool operator==(const SleepCall&) const = default;
};
using HandlerCall = std::variant<ExecCall, HttpCall, TcpCall, GrpcCall, SleepCall>;

// `pod_ip` is where a handler that names no host goes. InvalidArgument: what it says cannot be sent
// (for a probe a failure). Any other error: it cannot even be asked, e.g. no such port. Pure.
absl::StatusOr<HandlerCall> CallOfProbe(const v1::Probe& probe, const v1::Container& container,
                                        const std::string& pod_ip);
absl::StatusOr<HandlerCall> CallOfHook(const v1::LifecycleHandler& hook,
                                       const v1::Container& container, const std::string& pod_ip);

}  // namespace muster::agent
