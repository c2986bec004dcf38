#include "coordinator/table/endpoints_text.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/table/age.h"

namespace muster::coordinator {
namespace {

constexpr size_t kShownMax = 3;
constexpr char kNone[] = "<none>", kUnset[] = "<unset>";

// The first ones, and how many there are beyond.
std::string Some(const std::vector<std::string>& all, const char* nothing) {
  if (all.empty()) return nothing;
  const size_t shown = std::min(all.size(), kShownMax);
  std::string text = absl::StrJoin(all.begin(), all.begin() + static_cast<ptrdiff_t>(shown), ",");
  if (all.size() > shown) absl::StrAppend(&text, " + ", all.size() - shown, " more...");
  return text;
}

std::string HostPort(const std::string& ip, int port) {
  return absl::StrContains(ip, ':') ? absl::StrCat("[", ip, "]:", port)
                                    : absl::StrCat(ip, ":", port);
}

}  // namespace

std::vector<std::string> EndpointsCells(const v1::Endpoints& endpoints, WallTime now) {
  std::vector<std::string> places;
  for (const v1::EndpointSubset& subset : endpoints.subsets()) {
    if (subset.ports().empty()) {
      for (const v1::EndpointAddress& address : subset.addresses()) places.push_back(address.ip());
    }
    for (const v1::EndpointPort& port : subset.ports()) {
      for (const v1::EndpointAddress& address : subset.addresses()) {
        places.push_back(HostPort(address.ip(), port.port()));
      }
    }
  }
  return {endpoints.metadata().name(), Some(places, kNone),
          AgeOf(endpoints.metadata().creation_timestamp(), now)};
}

std::vector<std::string> EndpointSliceCells(const v1::EndpointSlice& slice, WallTime now) {
  std::vector<std::string> ports, places;
  for (const v1::DiscoveryEndpointPort& port : slice.ports()) {
    ports.push_back(port.has_port() ? absl::StrCat(port.port()) : "*");
  }
  for (const v1::Endpoint& endpoint : slice.endpoints()) {
    places.push_back(absl::StrJoin(endpoint.addresses(), ","));
  }
  return {slice.metadata().name(), slice.address_type(), Some(ports, kUnset), Some(places, kUnset),
          AgeOf(slice.metadata().creation_timestamp(), now)};
}

}  // namespace muster::coordinator
