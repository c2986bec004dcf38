#pragma once

#include "absl/status/statusor.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

inline constexpr char kLastAppliedAnnotation[] = "kubectl.kubernetes.io/last-applied-configuration";

// What `apply` makes of a manifest and the object that is there (null: none yet), like kubectl:
// what the manifest sets is set, what the last applied manifest had set and this one does not is
// removed, what somebody else or defaulting has set stays. Pure; the result is not yet admitted.
//
// Lists of named things (containers, volumes, variables, ports ...) are merged one by one with
// Kubernetes' merge keys; ports by number and protocol together, where kubectl confuses two
// protocols of one port. Other lists are replaced whole. A field that is explicitly zero in the
// manifest counts as left out where Kubernetes itself would not store it.
//
// Server-owned parts of the manifest (status, uid, resourceVersion, timestamps ...) are not obeyed.
// The manifest is kept in the annotation above for the next time; of Secrets, and of ConfigMaps
// that would not fit, without the values.
//
// InvalidArgument when that annotation of `stored` cannot be read.
absl::StatusOr<v1::Object> ThreeWayApply(const v1::Object& manifest, const v1::Object* stored);

// What was applied when a DaemonSet had the template that is put back, as `then` (the metadata of
// its revision) remembers it, becomes part of what was applied last: template, overrides and
// whether it rolls on its configuration. So the next apply removes what came back and its manifest
// leaves out. Nothing happens where one of the two remembers nothing.
void RestoreLastApplied(const v1::ObjectMeta& then, v1::DaemonSet& daemon_set);

// Whether the object remembers what was applied last. One that does not was made in another way.
bool HasLastApplied(const v1::Object& object);

}  // namespace muster::coordinator
