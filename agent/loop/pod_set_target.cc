#include "absl/strings/str_cat.h"
#include "agent/loop/pod_record.h"
#include "agent/loop/pod_set.h"

namespace muster::agent {
namespace {

// Why a container does not run yet, as its status has it; empty when it does not say.
std::string WaitingReasonOf(const v1::PodStatus& status, const std::string& container) {
  for (const auto* all : {&status.container_statuses(), &status.init_container_statuses()}) {
    for (const v1::ContainerStatus& shown : *all) {
      if (shown.name() == container) return shown.state().waiting().reason();
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<ContainerTarget> PodSet::FindTarget(const TunnelRequest& request) const {
  if (request.purpose == TunnelPurpose::kUnknown || request.purpose == TunnelPurpose::kStats) {
    return ContainerTarget{};
  }
  const auto record = records_.find(request.pod_uid);
  if (request.purpose == TunnelPurpose::kPortForward && record != records_.end()) {
    const SandboxInstance* sandbox = CurrentSandbox(record->second->observed);
    if (sandbox == nullptr) return absl::FailedPreconditionError("the pod is not running");
    ContainerTarget target;
    target.sandbox_id = sandbox->status.id;
    return target;
  }
  absl::StatusOr<ContainerTarget> found =
      Find(request.pod_uid, request.container, request.previous);
  if (found.ok() || request.previous || record == records_.end() || !record->second->status) {
    return found;
  }
  const std::string reason = WaitingReasonOf(*record->second->status, request.container);
  if (reason.empty()) return found;
  return absl::InvalidArgumentError(absl::StrCat("container \"", request.container, "\" in pod \"",
                                                 record->second->name,
                                                 "\" is waiting to start: ", reason));
}

}  // namespace muster::agent
