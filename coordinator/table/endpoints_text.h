#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "muster/v1/endpoints.pb.h"

namespace muster::coordinator {

// Rows of `get endpoints` and `get endpointslices` as kubectl prints them. Pure.

std::vector<std::string> EndpointsCells(const v1::Endpoints& endpoints, WallTime now);
std::vector<std::string> EndpointSliceCells(const v1::EndpointSlice& slice, WallTime now);

}  // namespace muster::coordinator
