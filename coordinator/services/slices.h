#pragma once

#include <string>
#include <vector>

#include "common/base/random.h"
#include "coordinator/services/endpoint_facts.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/endpoints.pb.h"

namespace muster::coordinator {

inline constexpr char kServiceNameLabel[] = "kubernetes.io/service-name";
inline constexpr char kSliceManagerLabel[] = "endpointslice.kubernetes.io/managed-by";
inline constexpr char kSliceManager[] = "muster-coordinator";
inline constexpr char kHeadlessLabel[] = "service.kubernetes.io/headless";

// What has to be written so that the EndpointSlices of a Service say what is so.
struct SlicePlan {
  std::vector<v1::EndpointSlice> create;
  std::vector<v1::EndpointSlice> update;  // With the resourceVersion that they had.
  std::vector<v1::EndpointSlice> remove;

  bool empty() const { return create.empty() && update.empty() && remove.empty(); }
};

// As Kubernetes' controller: at most 100 places in a slice, all with the same ports, in one slice
// set for each family of the Service. A place stays in the slice where it is, so that a change of
// one pod changes one slice. A Service without places has one slice that is empty.
//
// `existing` are those with our label. Names of new ones are the Service's and a random part. Pure.
SlicePlan PlanSlices(const v1::Service& service, const std::vector<EndpointFacts>& places,
                     const std::vector<const v1::EndpointSlice*>& existing,
                     const RandomBits& random);

// The older form of the same, of the Service's first family: at most 1000 places, those beyond are
// left out and an annotation says so. What is going is left out, unless the Service publishes it.
v1::Endpoints MakeEndpoints(const v1::Service& service, const std::vector<EndpointFacts>& places);

// Whether the Endpoints were made by MakeEndpoints, and not by somebody's hand.
bool IsOurs(const v1::Endpoints& endpoints);

}  // namespace muster::coordinator
