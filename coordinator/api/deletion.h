#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "muster/admin/v1/admin.pb.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// What a request to delete does to an object.
struct Deletion {
  // The object goes at once; otherwise it is replaced by `object`.
  bool remove = false;
  // As it was, or as it is while it terminates.
  v1::Object object;
  // Nothing at all: it is on its way already.
  bool unchanged = false;
};

// Kubernetes' rules. Pure.
//  - A pod that is bound to a node and not finished gets a deletionTimestamp and the time to stop
//    (its own, or `grace_period_seconds`); a later request can only shorten that. Grace 0, and pods
//    no agent has ever seen, are removed at once.
//  - A DaemonSet or DaemonJob goes at once (background), or gets a finalizer, a deletionTimestamp
//  and
//    a higher generation until its pods are gone (foreground) or let go (orphan).
//  - Whatever has finalizers stays until they are taken away.
// InvalidArgument for a negative grace period, FailedPrecondition for what may not go.
absl::StatusOr<Deletion> PlanDeletion(const v1::Object& object,
                                      admin::v1::DeleteRequest::Cascade cascade,
                                      std::optional<int64_t> grace_period_seconds, WallTime now);

}  // namespace muster::coordinator
