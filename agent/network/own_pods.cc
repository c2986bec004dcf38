#include "agent/network/own_pods.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"

namespace muster::agent {
namespace {

using network::v1::Endpoint;
using network::v1::Slice;

bool IsOwnPod(const Endpoint& endpoint, const std::string& node) {
  return !endpoint.pod().empty() && absl::EqualsIgnoreCase(endpoint.node(), node);
}

// The place as it is now; nothing when it is none.
std::optional<Endpoint> Renew(const Endpoint& told, const std::string& ns, bool publish_not_ready,
                              const OwnPods& pods) {
  const std::optional<IpAddress> address = IpFromBytes(told.address());
  const auto pod = pods.find({ns, told.pod()});
  if (!address || pod == pods.end()) return std::nullopt;
  const auto own = std::ranges::find_if(
      pod->second.addresses, [&](const IpAddress& its) { return its.v6 == address->v6; });
  if (own == pod->second.addresses.end()) return std::nullopt;
  Endpoint endpoint = told;
  endpoint.set_address(own->Bytes());
  // That it is to go the coordinator may have said here before it has said it to the pod's keeper.
  endpoint.set_terminating(told.terminating() || pod->second.terminating);
  endpoint.set_serving(pod->second.ready);
  endpoint.set_ready(publish_not_ready || (pod->second.ready && !endpoint.terminating()));
  return endpoint;
}

bool Same(const Endpoint& a, const Endpoint& b) {
  return a.address() == b.address() && a.ready() == b.ready() && a.serving() == b.serving() &&
         a.terminating() == b.terminating();
}

// Null when it stays as it is.
ServiceTable::SliceEntry Renew(const ServiceTable::SliceEntry& told, const ServiceTable& table,
                               const std::string& node, const OwnPods& pods) {
  const auto is_own = [&node](const Endpoint& endpoint) { return IsOwnPod(endpoint, node); };
  if (std::ranges::none_of(told->endpoints(), is_own)) return nullptr;
  const network::v1::Service* service = table.Find(told->namespace_(), told->service());
  const bool publish_not_ready = service != nullptr && service->publish_not_ready_addresses();
  auto slice = std::make_shared<Slice>(*told);
  slice->clear_endpoints();
  bool differs = false;
  for (const Endpoint& endpoint : told->endpoints()) {
    std::optional<Endpoint> now = endpoint;
    if (is_own(endpoint)) now = Renew(endpoint, told->namespace_(), publish_not_ready, pods);
    differs = differs || !now || !Same(*now, endpoint);
    if (now) *slice->add_endpoints() = *std::move(now);
  }
  return differs ? slice : nullptr;
}

}  // namespace

std::shared_ptr<const ServiceTable> WithOwnPods(std::shared_ptr<const ServiceTable> table,
                                                const std::string& node, const OwnPods& pods) {
  std::map<std::string, ServiceTable::SliceEntry> renewed;
  for (const auto& [key, slice] : table->slices()) {
    if (auto now = Renew(slice, *table, node, pods)) renewed.emplace(key, std::move(now));
  }
  if (renewed.empty()) return table;
  return std::make_shared<const ServiceTable>(table->With(renewed));
}

}  // namespace muster::agent
