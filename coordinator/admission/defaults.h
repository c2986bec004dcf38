#pragma once

#include "common/model/pod_defaults.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Fills in what Kubernetes' API server fills in where a manifest says nothing, and brings
// quantities to their canonical text. Pure and idempotent: defaults of defaults change nothing.

// Any kind of object. What belongs to the coordinator (uid, generation, status) is left alone.
void SetDefaults(v1::Object& object);

// Those of pods are common to both ends.
using model::CanonicalizeQuantities;
using model::SetPodLevelDefaults;
using model::SetTemplateDefaults;

}  // namespace muster::coordinator
