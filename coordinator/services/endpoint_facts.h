#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/v1/cluster.pb.h"
#include "muster/v1/endpoints.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What a Service has to know of one place behind it. A plain value.
struct EndpointFacts {
  std::string pod, uid;  // Empty of places that are no pods.
  std::string node;
  std::string hostname;  // Only when the pod has one below this Service (spec.subdomain).
  std::vector<std::string> addresses;  // One of each family at most, the primary first.
  bool ready = false;                  // In use: ready and not going, or published as it is.
  bool serving = false;                // Ready, whether it is going or not.
  bool terminating = false;
  std::vector<int> ports;  // Of each port of the Service: the target's number; 0: it has none.

  bool operator==(const EndpointFacts&) const = default;
};

// Whether the Service's selector finds the pod. One without a selector finds none.
bool Selects(const v1::Service& service, const v1::Pod& pod);

// As Kubernetes' endpoint controllers see a pod that is selected: nothing when it has no address
// or has come to its end. A named target port is the one of a container that has this name and
// protocol. Pure.
std::optional<EndpointFacts> FactsOf(const v1::Service& service, const v1::Pod& pod);

// The places that somebody wrote into the Endpoints of a Service without a selector.
std::vector<EndpointFacts> FactsOf(const v1::Service& service, const v1::Endpoints& endpoints);

}  // namespace muster::coordinator
