#pragma once

#include "coordinator/admission/problem.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/endpoints.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for Services, and for Endpoints and EndpointSlices that somebody writes by
// hand. Addresses and node ports are given later (coordinator/services/allocation.h), since that
// takes knowing all other Services. Pure.

void DefaultService(v1::Service& service);
void DefaultEndpoints(v1::Endpoints& endpoints);
void DefaultEndpointSlice(v1::EndpointSlice& slice);

// What an update leaves out and the Service was given before stays: addresses, families and node
// ports, unless its type has no use for them any more.
void KeepAllocatedValues(const v1::Service& stored, v1::Service& updated);

void ValidateService(const v1::Service& service, Problems& problems);
void ValidateServiceUpdate(const v1::Service& updated, const v1::Service& stored,
                           Problems& problems);
void ValidateEndpoints(const v1::Endpoints& endpoints, Problems& problems);
void ValidateEndpointSlice(const v1::EndpointSlice& slice, Problems& problems);
void ValidateEndpointSliceUpdate(const v1::EndpointSlice& updated, const v1::EndpointSlice& stored,
                                 Problems& problems);

}  // namespace muster::coordinator
