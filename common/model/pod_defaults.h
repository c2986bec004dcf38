#pragma once

#include "google/protobuf/message.h"
#include "muster/v1/pod.pb.h"

namespace muster::model {

// Fills in what Kubernetes' API server fills in where a pod says nothing. Pure and idempotent:
// defaults of defaults change nothing.

// Kubernetes' defaults for templates; they are stored and part of the template's hash. Every
// value here is for ever: another one would replace all pods at an upgrade.
void SetTemplateDefaults(v1::PodTemplateSpec& pod_template);

// What only a pod gets, not a template: requests from limits, host ports of the host network,
// service links, a service account. Priority is left to whoever knows the classes.
void SetPodLevelDefaults(v1::PodSpec& spec);

// Both, for a pod that comes from no template.
void SetPodDefaults(v1::PodSpec& spec);

// Every quantity below `message` in its canonical text; what is no quantity is left for
// validation to name.
void CanonicalizeQuantities(google::protobuf::Message& message);

}  // namespace muster::model
