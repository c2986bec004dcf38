#pragma once

#include <cstdint>
#include <string>

#include "muster/v1/meta.pb.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// What an object of the same namespace is to a DaemonSet, by Kubernetes' claiming rules.
enum class Claim : uint8_t {
  kNone,     // Somebody else's, or of no interest.
  kManaged,  // Its own.
  kRelease,  // Its own until now, but the labels no longer match: it loses its owner and runs on.
  kAdopt,    // Nobody's, and the labels match: it gets an owner.
};

// Nothing is adopted that is going away, or by something that is going away.
Claim ClaimOf(const v1::ObjectMeta& object, bool labels_match, const v1::DaemonSet& daemon_set);

// The owner reference with controller set; null when there is none.
const v1::OwnerReference* ControllerOf(const v1::ObjectMeta& object);

v1::OwnerReference OwnerReferenceTo(const v1::DaemonSet& daemon_set);

void Adopt(const v1::DaemonSet& daemon_set, v1::ObjectMeta& object);
void Release(const std::string& owner_uid, v1::ObjectMeta& object);

}  // namespace muster::coordinator
