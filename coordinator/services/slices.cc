#include "coordinator/services/slices.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/ip_address.h"
#include "common/model/semantic_equal.h"

namespace muster::coordinator {
namespace {

constexpr int kSliceEndpointsMax = 100;
constexpr int kEndpointsMax = 1000;
constexpr size_t kSuffixLength = 5;
constexpr size_t kNameBytesMax = 253;
constexpr std::string_view kSuffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";
constexpr char kOverCapacity[] = "endpoints.kubernetes.io/over-capacity";
constexpr char kEndpointsManagerLabel[] = "endpoints.kubernetes.io/managed-by";
constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";

bool IsHeadless(const v1::Service& service) { return service.spec().cluster_ip() == "None"; }

std::optional<std::string> AddressOf(const EndpointFacts& place, const std::string& family) {
  for (const std::string& text : place.addresses) {
    const std::optional<IpAddress> address = ParseIp(text);
    if (address && FamilyName(address->v6) == family) return text;
  }
  return std::nullopt;
}

void SetOwner(const v1::Service& service, v1::ObjectMeta& metadata) {
  v1::OwnerReference& owner = *metadata.add_owner_references();
  owner.set_api_version("v1");
  owner.set_kind("Service");
  owner.set_name(service.metadata().name());
  owner.set_uid(service.metadata().uid());
  owner.set_controller(true);
  owner.set_block_owner_deletion(true);
}

// Labels, annotations and owner as they should be; the rest stays.
void SetMetadata(const v1::Service& service, v1::ObjectMeta& metadata) {
  metadata.set_namespace_(service.metadata().namespace_());
  *metadata.mutable_labels() = service.metadata().labels();
  if (IsHeadless(service)) (*metadata.mutable_labels())[kHeadlessLabel] = "";
  *metadata.mutable_annotations() = service.metadata().annotations();
  metadata.mutable_annotations()->erase(kLastApplied);
  metadata.clear_owner_references();
  SetOwner(service, metadata);
}

void SetPod(const v1::Service& service, const EndpointFacts& place, v1::ObjectReference& target) {
  target.set_kind("Pod");
  target.set_namespace_(service.metadata().namespace_());
  target.set_name(place.pod);
  target.set_uid(place.uid);
}

v1::Endpoint EndpointOf(const v1::Service& service, const EndpointFacts& place,
                        const std::string& address) {
  v1::Endpoint endpoint;
  endpoint.add_addresses(address);
  endpoint.mutable_conditions()->set_ready(place.ready);
  endpoint.mutable_conditions()->set_serving(place.serving);
  endpoint.mutable_conditions()->set_terminating(place.terminating);
  if (!place.hostname.empty()) endpoint.set_hostname(place.hostname);
  if (!place.node.empty()) endpoint.set_node_name(place.node);
  if (!place.pod.empty()) SetPod(service, place, *endpoint.mutable_target_ref());
  return endpoint;
}

// Tells places apart through all changes of one.
std::string IdentityOf(const v1::Endpoint& endpoint) {
  const std::string& uid = endpoint.target_ref().uid();
  return uid.empty() ? absl::StrCat("@", endpoint.addresses_size() > 0 ? endpoint.addresses(0) : "")
                     : uid;
}

// Places that share a slice: of one family, with the same numbers for the Service's ports.
using Group = std::pair<std::string, std::vector<int>>;

v1::EndpointSlice EmptySlice(const v1::Service& service, const Group& group) {
  v1::EndpointSlice slice;
  slice.set_api_version("discovery.k8s.io/v1");
  slice.set_kind("EndpointSlice");
  SetMetadata(service, *slice.mutable_metadata());
  auto& labels = *slice.mutable_metadata()->mutable_labels();
  labels[kServiceNameLabel] = service.metadata().name();
  labels[kSliceManagerLabel] = kSliceManager;
  slice.set_address_type(group.first);
  for (int i = 0; i < service.spec().ports_size() && i < static_cast<int>(group.second.size());
       ++i) {
    if (group.second[i] == 0) continue;
    const v1::ServicePort& of = service.spec().ports(i);
    v1::DiscoveryEndpointPort& port = *slice.add_ports();
    port.set_name(of.name());
    port.set_protocol(of.protocol());
    port.set_port(group.second[i]);
    if (of.has_app_protocol()) port.set_app_protocol(of.app_protocol());
  }
  return slice;
}

bool SamePorts(const v1::EndpointSlice& a, const v1::EndpointSlice& b) {
  if (a.address_type() != b.address_type() || a.ports_size() != b.ports_size()) return false;
  for (int i = 0; i < a.ports_size(); ++i) {
    if (!model::SemanticallyEqual(a.ports(i), b.ports(i))) return false;
  }
  return true;
}

std::string NewName(const v1::Service& service, const RandomBits& random,
                    std::set<std::string>& used) {
  std::string base = service.metadata().name();
  base.resize(std::min(base.size(), kNameBytesMax - kSuffixLength - 1));
  while (true) {
    std::string name = absl::StrCat(base, "-", RandomText(random, kSuffixAlphabet, kSuffixLength));
    if (used.insert(name).second) return name;
  }
}

// One slice of the plan while it is made.
struct Draft {
  v1::EndpointSlice slice;
  const v1::EndpointSlice* was = nullptr;
};

class Planner {
 public:
  Planner(const v1::Service& service, const std::vector<const v1::EndpointSlice*>& existing,
          const RandomBits& random)
      : service_(service), random_(random), existing_(existing) {
    std::sort(existing_.begin(), existing_.end(), [](const auto* a, const auto* b) {
      return a->metadata().name() < b->metadata().name();
    });
    for (const v1::EndpointSlice* slice : existing_) used_.insert(slice->metadata().name());
  }

  void Add(const Group& group, std::map<std::string, v1::Endpoint> wanted) {
    const v1::EndpointSlice empty = EmptySlice(service_, group);
    std::vector<Draft> drafts;
    for (const v1::EndpointSlice* was : existing_) {
      if (!SamePorts(*was, empty)) continue;
      Draft draft{Renewed(*was, empty), was};
      for (const v1::Endpoint& endpoint : was->endpoints()) {
        const auto found = wanted.find(IdentityOf(endpoint));
        if (found == wanted.end()) continue;
        *draft.slice.add_endpoints() = std::move(found->second);
        wanted.erase(found);
      }
      drafts.push_back(std::move(draft));
    }
    // New ones go where there is least room, so that few slices stay half empty.
    std::stable_sort(drafts.begin(), drafts.end(), [](const Draft& a, const Draft& b) {
      return a.slice.endpoints_size() > b.slice.endpoints_size();
    });
    auto next = wanted.begin();
    for (Draft& draft : drafts) {
      for (; next != wanted.end() && draft.slice.endpoints_size() < kSliceEndpointsMax; ++next) {
        *draft.slice.add_endpoints() = std::move(next->second);
      }
    }
    while (next != wanted.end()) {
      Draft draft{empty, nullptr};
      draft.slice.mutable_metadata()->set_name(NewName(service_, random_, used_));
      for (; next != wanted.end() && draft.slice.endpoints_size() < kSliceEndpointsMax; ++next) {
        *draft.slice.add_endpoints() = std::move(next->second);
      }
      drafts.push_back(std::move(draft));
    }
    std::move(drafts.begin(), drafts.end(), std::back_inserter(drafts_));
  }

  SlicePlan Finish(const std::vector<std::string>& families) {
    SlicePlan plan;
    std::set<const v1::EndpointSlice*> kept;
    std::set<std::string> shown;  // Families with a slice.
    for (Draft& draft : drafts_) {
      if (draft.slice.endpoints().empty()) continue;
      shown.insert(draft.slice.address_type());
      if (draft.was == nullptr) {
        plan.create.push_back(std::move(draft.slice));
        continue;
      }
      kept.insert(draft.was);
      if (!model::SemanticallyEqual(draft.slice, *draft.was)) {
        plan.update.push_back(std::move(draft.slice));
      }
    }
    for (const std::string& family : families) {
      if (!shown.contains(family)) KeepEmpty(family, plan, kept);
    }
    for (const v1::EndpointSlice* slice : existing_) {
      if (!kept.contains(slice)) plan.remove.push_back(*slice);
    }
    return plan;
  }

 private:
  v1::EndpointSlice Renewed(const v1::EndpointSlice& was, const v1::EndpointSlice& empty) const {
    v1::EndpointSlice slice = was;
    SetMetadata(service_, *slice.mutable_metadata());
    *slice.mutable_metadata()->mutable_labels() = empty.metadata().labels();
    slice.clear_endpoints();
    return slice;
  }

  void KeepEmpty(const std::string& family, SlicePlan& plan,
                 std::set<const v1::EndpointSlice*>& kept) {
    const v1::EndpointSlice empty = EmptySlice(service_, {family, {}});
    for (const v1::EndpointSlice* was : existing_) {
      if (was->address_type() != family) continue;
      kept.insert(was);
      v1::EndpointSlice slice = Renewed(*was, empty);
      slice.clear_ports();
      if (!model::SemanticallyEqual(slice, *was)) plan.update.push_back(std::move(slice));
      return;
    }
    plan.create.push_back(empty);
    plan.create.back().mutable_metadata()->set_name(NewName(service_, random_, used_));
  }

  const v1::Service& service_;
  const RandomBits& random_;
  std::vector<const v1::EndpointSlice*> existing_;
  std::set<std::string> used_;
  std::vector<Draft> drafts_;
};

std::vector<std::string> FamiliesOf(const v1::Service& service) {
  const auto& families = service.spec().ip_families();
  if (families.empty()) return {"IPv4"};
  return {families.begin(), families.end()};
}

}  // namespace

SlicePlan PlanSlices(const v1::Service& service, const std::vector<EndpointFacts>& places,
                     const std::vector<const v1::EndpointSlice*>& existing,
                     const RandomBits& random) {
  const std::vector<std::string> families = FamiliesOf(service);
  std::map<Group, std::map<std::string, v1::Endpoint>> groups;
  for (const std::string& family : families) {
    for (const EndpointFacts& place : places) {
      const std::optional<std::string> address = AddressOf(place, family);
      if (!address) continue;
      v1::Endpoint endpoint = EndpointOf(service, place, *address);
      std::string identity = IdentityOf(endpoint);
      groups[{family, place.ports}].emplace(std::move(identity), std::move(endpoint));
    }
  }
  Planner planner(service, existing, random);
  for (auto& [group, endpoints] : groups) planner.Add(group, std::move(endpoints));
  return planner.Finish(families);
}

v1::Endpoints MakeEndpoints(const v1::Service& service, const std::vector<EndpointFacts>& places) {
  v1::Endpoints endpoints;
  endpoints.set_api_version("v1");
  endpoints.set_kind("Endpoints");
  v1::ObjectMeta& metadata = *endpoints.mutable_metadata();
  SetMetadata(service, metadata);
  metadata.set_name(service.metadata().name());
  (*metadata.mutable_labels())[kEndpointsManagerLabel] = kSliceManager;

  const std::string family = FamiliesOf(service).front();
  // By address, so that equal places make equal objects.
  std::map<std::vector<int>, std::map<IpAddress, std::pair<v1::EndpointAddress, bool>>> groups;
  int count = 0;
  bool left_out = false;
  for (const EndpointFacts& place : places) {
    const std::optional<std::string> text = AddressOf(place, family);
    if (!text || (place.terminating && !place.ready)) continue;
    if (++count > kEndpointsMax) {
      left_out = true;
      break;
    }
    v1::EndpointAddress address;
    address.set_ip(*text);
    address.set_hostname(place.hostname);
    if (!place.node.empty()) address.set_node_name(place.node);
    if (!place.pod.empty()) SetPod(service, place, *address.mutable_target_ref());
    groups[place.ports].emplace(*ParseIp(*text), std::pair(std::move(address), place.ready));
  }
  if (left_out) (*metadata.mutable_annotations())[kOverCapacity] = "truncated";
  for (auto& [ports, addresses] : groups) {
    v1::EndpointSubset& subset = *endpoints.add_subsets();
    for (auto& [ip, address] : addresses) {
      *(address.second ? subset.add_addresses() : subset.add_not_ready_addresses()) =
          std::move(address.first);
    }
    const v1::EndpointSlice slice = EmptySlice(service, {family, ports});
    for (const v1::DiscoveryEndpointPort& its : slice.ports()) {
      v1::EndpointPort& port = *subset.add_ports();
      port.set_name(its.name());
      port.set_port(its.port());
      port.set_protocol(its.protocol());
      if (its.has_app_protocol()) port.set_app_protocol(its.app_protocol());
    }
  }
  return endpoints;
}

bool IsOurs(const v1::Endpoints& endpoints) {
  const auto found = endpoints.metadata().labels().find(kEndpointsManagerLabel);
  return found != endpoints.metadata().labels().end() && found->second == kSliceManager;
}

}  // namespace muster::coordinator
